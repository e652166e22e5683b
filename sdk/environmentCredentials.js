/**
 * In the place of the SDK's chain of credential providers: Lambda hands its role's credentials over
 * in the environment, and in no other way, so the other providers would only make the load longer.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
export { fromEnv as defaultProvider } from "@aws-sdk/credential-provider-env";
