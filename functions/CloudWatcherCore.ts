import { classify, type IncidentSettings } from "../events/classify";
import type { Incident } from "../events/incident";

/**
 * Tells what an EventBridge event amounts to. Loads no SDK and makes no call, so it costs a few
 * milliseconds: every watched event passes through here, and most are none of our business.
 */
export function cloudWatcherCore(settings: IncidentSettings) {
  return async (event: unknown, context?: { invokedFunctionArn?: string }): Promise<Incident> =>
    classify(event, settings, new Date().toISOString(), context?.invokedFunctionArn);
}
