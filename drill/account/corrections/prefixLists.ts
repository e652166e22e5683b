import { errorAnswer, readAnswer } from "../wire";
import type { Correction } from "./correction";

/** moto lists the entries of a list that is not there, and knows no way back to a former version. */
export const prefixLists: Correction = {
  service: "ec2",
  actions: ["GetManagedPrefixListEntries", "RestoreManagedPrefixListVersion"],
  source:
    "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RestoreManagedPrefixListVersion.html",
  async handle(request, _principal, backend) {
    const id = String(request.params.PrefixListId);
    const look = await backend.ask("ec2", "DescribeManagedPrefixLists", { "PrefixListId.1": id });
    if (!look.body.includes(id)) {
      const message = `The prefix list ID '${id}' does not exist`;
      return errorAnswer(request, { code: "InvalidPrefixListID.NotFound", message, status: 400 });
    }
    if (request.action === "GetManagedPrefixListEntries") return await backend.forward(request);

    const cidrs = async (version: Record<string, string>) => {
      const action = "GetManagedPrefixListEntries";
      const answer = await backend.ask("ec2", action, { PrefixListId: id, ...version });
      const { entrySet } = readAnswer({ ...request, action }, answer) as {
        entrySet?: { cidr: string }[];
      };
      return (entrySet ?? []).map(({ cidr }) => cidr);
    };
    const now = await cidrs({});
    const then = await cidrs({ TargetVersion: String(request.params.PreviousVersion) });
    const numbered = (kind: string, list: string[]) =>
      Object.fromEntries(list.map((cidr, index) => [`${kind}.${index + 1}.Cidr`, cidr]));
    const answer = await backend.ask("ec2", "ModifyManagedPrefixList", {
      PrefixListId: id,
      ...numbered("AddEntry", then),
      ...numbered("RemoveEntry", now),
    });
    const text = answer.body.toString("utf8");
    return {
      ...answer,
      body: Buffer.from(
        text
          .replaceAll("Modify", "Restore")
          .replaceAll("PrefixListResponse", "PrefixListVersionResponse"),
      ),
    };
  },
};
