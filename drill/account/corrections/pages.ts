import type { Answer, Request } from "../wire";
import type { Correction } from "./correction";

const PAGE = 100;

/** moto lists a user's credentials whole, whatever MaxItems and Marker say. */
export const pages: Correction = {
  service: "iam",
  actions: ["ListAccessKeys", "ListSSHPublicKeys", "ListSigningCertificates", "ListMFADevices"],
  source: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListSSHPublicKeys.html",
  async handle(request, _principal, backend) {
    const answer = await backend.forward(request);
    return answer.status === 200 ? page(request, answer) : answer;
  },
};

/** The members from Marker on, at most MaxItems. None of these lists has a list inside. */
function page({ params, action }: Request, answer: Answer): Answer {
  const start = Number(params.Marker ?? 0);
  const end = start + Number(params.MaxItems ?? PAGE);
  let index = -1;
  const kept = answer.body
    .toString("utf8")
    .replace(/<IsTruncated>[^<]*<\/IsTruncated>/, "")
    .replace(/<member>.*?<\/member>\s*/gs, (member) => {
      index += 1;
      return index >= start && index < end ? member : "";
    });
  const more = index >= end;
  const state = `<IsTruncated>${more}</IsTruncated>${more ? `<Marker>${end}</Marker>` : ""}`;
  const close = `</${action}Result>`;
  return { ...answer, body: Buffer.from(kept.replace(close, `${state}${close}`)) };
}
