import type { IncomingHttpHeaders } from "node:http";

interface Operation {
  action: string;
  params: { Bucket?: string; Key?: string; CopySource?: string };
}

const BUCKET_OPERATIONS: Record<string, string> = {
  PUT: "CreateBucket",
  GET: "ListObjectsV2",
  HEAD: "HeadBucket",
  DELETE: "DeleteBucket",
  POST: "DeleteObjects",
};

const OBJECT_OPERATIONS: Record<string, string> = {
  PUT: "PutObject",
  GET: "GetObject",
  HEAD: "HeadObject",
  DELETE: "DeleteObject",
};

const VERBS: Record<string, string> = { PUT: "Put", GET: "Get", DELETE: "Delete" };

/** Sub-resources in the query part, and what the operations on them are called. */
const SUB_RESOURCES: Record<string, string> = {
  policy: "BucketPolicy",
  versioning: "BucketVersioning",
  encryption: "BucketEncryption",
  publicAccessBlock: "PublicAccessBlock",
  tagging: "BucketTagging",
  acl: "BucketAcl",
};

/**
 * Which S3 operation a REST request is; S3 names none on the wire.
 *
 * Path style only: to an endpoint that is an IP address the SDK speaks nothing else.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
 */
export function s3Operation(method: string, path: string, headers: IncomingHttpHeaders): Operation {
  const { pathname, searchParams } = new URL(path, "http://s3");
  const [Bucket, ...rest] = pathname.slice(1).split("/");
  if (!Bucket) return { action: "ListBuckets", params: {} };
  const Key = decodeURIComponent(rest.join("/"));
  if (Key === "") {
    const name = Object.keys(SUB_RESOURCES).find((name) => searchParams.has(name));
    const action = name
      ? `${VERBS[method] ?? method}${SUB_RESOURCES[name]}`
      : (BUCKET_OPERATIONS[method] ?? method);
    return { action, params: { Bucket } };
  }
  const source = headers["x-amz-copy-source"];
  if (method === "PUT" && typeof source === "string") {
    const CopySource = decodeURIComponent(source).replace(/^\//, "");
    return { action: "CopyObject", params: { Bucket, Key, CopySource } };
  }
  return { action: OBJECT_OPERATIONS[method] ?? method, params: { Bucket, Key } };
}

/**
 * The IAM actions that an S3 operation needs, where the names differ.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
export const s3Permissions: Record<string, string> = {
  HeadObject: "GetObject",
  HeadBucket: "ListBucket",
  ListObjectsV2: "ListBucket",
  ListBuckets: "ListAllMyBuckets",
  CopyObject: "PutObject",
  DeleteObjects: "DeleteObject",
  GetBucketEncryption: "GetEncryptionConfiguration",
  PutBucketEncryption: "PutEncryptionConfiguration",
  PutPublicAccessBlock: "PutBucketPublicAccessBlock",
  GetPublicAccessBlock: "GetBucketPublicAccessBlock",
};
