/**
 * How long a Lambda's SDK client waits for one call, and how often it tries: by itself a client waits
 * for ever, and a call that hangs would use up the function (30 s), and with it every other call that
 * still has to be made. Three times in a row, twice one after the other, fit into the function: then
 * the call has failed with a `TimeoutError`, by name like any other failure.
 *
 * Newer clients only warn about a request that takes too long, unless they are told to throw.
 * Source: https://github.com/aws/aws-sdk-js-v3/blob/main/UPGRADING.md (throwOnRequestTimeout)
 * and NodeHttpHandlerOptions,
 * https://docs.aws.amazon.com/AWSJavaScriptSDK/v3/latest/Package/-smithy-types/Interface/NodeHttpHandlerOptions/
 */
export const clientTimes = {
  maxAttempts: 3,
  requestHandler: {
    /** Milliseconds. */
    connectionTimeout: 1000,
    /** Milliseconds from the request to the whole answer. */
    requestTimeout: 3000,
    throwOnRequestTimeout: true,
  },
};
