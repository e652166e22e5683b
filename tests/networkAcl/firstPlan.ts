import { planBlock } from "../../networkAcl/plan";
import { timed, worstCase } from "./worstCase";

// How long the first plan of a process takes, in milliseconds.
console.log(timed(() => planBlock(...worstCase)));
