import type { Correction } from "./correction";

/** An account sees the regions of its partition that it has enabled; moto lists every one there is. */
export const ownRegions: Correction = {
  service: "ec2",
  actions: ["DescribeRegions"],
  source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html",
  async handle(request, _principal, backend) {
    const answer = await backend.forward(request);
    const text = answer.body
      .toString("utf8")
      .replaceAll(/<item>.*?<\/item>/gs, (item) =>
        /not-opted-in|<regionName>(cn|us-gov|us-iso\w*)-/.test(item) ? "" : item,
      );
    return { ...answer, body: Buffer.from(text) };
  },
};
