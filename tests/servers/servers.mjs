// Everything the cloud tests talk to, in one process on one port: emulators of S3, SQS and SNS (fauxqs) and of DynamoDB (dynalite)
// behind a gateway which checks the signature of every request with AWS's own signer, logs it, adds what the emulators
// lack, and plays the faults it is told to.
//
//     node servers.mjs DIRECTORY      writes DIRECTORY/port when it is ready, and DIRECTORY/log, a JSON line per request
//
// POST /_control with {"do":...} steers it; see control() and orderOf() below.
import http from "node:http";
import https from "node:https";
import fs from "node:fs";
import path from "node:path";
import crypto from "node:crypto";
import zlib from "node:zlib";
import { createRequire } from "node:module";
import { startFauxqs } from "fauxqs";
import { SignatureV4 } from "@smithy/signature-v4";
import { Sha256 } from "@aws-crypto/sha256-js";
import * as s3sdk from "@aws-sdk/client-s3";
import * as sqssdk from "@aws-sdk/client-sqs";
import * as snssdk from "@aws-sdk/client-sns";
import * as dynamosdk from "@aws-sdk/client-dynamodb";

const dynalite = createRequire(import.meta.url)("dynalite");
const directory = process.argv[2];
const keys = new Map([
	["AKIDTEST", { secret: "test-secret-key-not-to-be-printed" }],
	["AKIDSDK", { secret: "sdk-secret" }],
	["AKIDROLE", { secret: "role-secret-not-to-be-printed", token: "role-token-not-to-be-printed" }],
	["AKIDOLD", { secret: "old-secret", token: "old-token", expired: true }],
	["AKIDNONE", { secret: "none-secret", denied: true }],
]);
const logFile = fs.openSync(path.join(directory, "log"), "a");
let backends, faults = [], notifications = new Map(), regions = new Map(), counter = 0, skewSeconds = 0;
let versions = new Map(), hooks = new Map();
const extra = new Map(); // what fauxqs does not keep of an object: checksums and version

function log(entry) {
	fs.writeSync(logFile, JSON.stringify(entry) + "\n");
}

// ---- signatures

function parseAuthorization(header) {
	const m = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(header ?? "");
	return m && { id: m[1], date: m[2], region: m[3], service: m[4], headers: m[5].split(";"), signature: m[6] };
}

function parseQuery(text) {
	const query = {};
	for (const part of text.split("&").filter(Boolean)) {
		const at = part.indexOf("=");
		const name = decodeURIComponent(at < 0 ? part : part.slice(0, at));
		const value = at < 0 ? "" : decodeURIComponent(part.slice(at + 1));
		query[name] = name in query ? [].concat(query[name], value) : value;
	}
	return query;
}

async function checkSignature(request, auth, body) {
	const key = keys.get(auth.id);
	if (!key) return { code: "InvalidAccessKeyId", message: "The AWS Access Key Id you provided does not exist in our records." };
	const stamp = request.headers["x-amz-date"] ?? "";
	const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp);
	if (!m) return { code: "AccessDenied", message: "no x-amz-date" };
	const date = new Date(Date.UTC(+m[1], m[2] - 1, +m[3], +m[4], +m[5], +m[6]));
	if (Math.abs(date - (Date.now() + skewSeconds * 1000)) > 15 * 60 * 1000)
		return { code: auth.service === "s3" ? "RequestTimeTooSkewed" : "SignatureDoesNotMatch", message: "Signature expired: the clocks differ" };
	const [rawPath, rawQuery = ""] = [request.url.split("?")[0], request.url.slice(request.url.split("?")[0].length + 1)];
	const must = Object.keys(request.headers).filter((h) => h.startsWith("x-amz-") || h === "host" || h === "content-type");
	const unsigned = must.filter((h) => !auth.headers.includes(h));
	if (unsigned.length) return { code: "SignatureDoesNotMatch", message: `not signed: ${unsigned}` };
	const headers = Object.fromEntries(auth.headers.map((h) => [h, request.headers[h] ?? ""]));
	const hash = request.headers["x-amz-content-sha256"];
	if (auth.service === "s3" && !hash) return { code: "InvalidRequest", message: "Missing required header for this request: x-amz-content-sha256" };
	if (/^[0-9a-f]{64}$/.test(hash ?? "") && hash !== crypto.createHash("sha256").update(body).digest("hex"))
		return { code: "XAmzContentSHA256Mismatch", message: "The provided 'x-amz-content-sha256' header does not match what was computed.", status: 400 };
	const signer = new SignatureV4({
		credentials: { accessKeyId: auth.id, secretAccessKey: key.secret, sessionToken: request.headers["x-amz-security-token"] },
		region: auth.region, service: auth.service, sha256: Sha256, uriEscapePath: auth.service !== "s3", applyChecksum: false,
	});
	const signed = await signer.sign(
		{ method: request.method, protocol: "http:", hostname: request.headers.host, path: rawPath, query: parseQuery(rawQuery), headers, body: hash ? undefined : body },
		{ signingDate: date, signableHeaders: new Set(auth.headers) });
	const expected = parseAuthorization(signed.headers.authorization);
	if (expected.signature !== auth.signature)
		return { code: auth.service === "s3" ? "SignatureDoesNotMatch" : "InvalidSignatureException", message: "The request signature we calculated does not match the signature you provided." };
	if (key.token && request.headers["x-amz-security-token"] !== key.token)
		return { code: "InvalidToken", message: "The provided token is malformed or otherwise invalid.", status: 400 };
	if (key.expired) return { code: "ExpiredToken", message: "The provided token has expired.", status: 400 };
	if (key.denied) return { code: "AccessDenied", message: "User is not authorized to perform this." };
	return null;
}

// ---- replies of our own

function sendError(response, service, status, code, message, more = {}) {
	const id = `REQ${++counter}`;
	if (service === "s3") {
		response.writeHead(status, { "content-type": "application/xml", "x-amz-request-id": id, ...more });
		response.end(`<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>${id}</RequestId><HostId>h</HostId></Error>`);
	} else if (service === "sns" || service === "sts") {
		response.writeHead(status, { "content-type": "text/xml", "x-amzn-requestid": id, ...more });
		response.end(`<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>${id}</RequestId></ErrorResponse>`);
	} else {
		response.writeHead(status, { "content-type": "application/x-amz-json-1.0", "x-amzn-requestid": id, ...more });
		response.end(JSON.stringify({ __type: `com.amazonaws.${service}#${code}`, message }));
	}
}

// ---- faults

// {"kind":..., "service":"s3", "operation":"GET", "match":"substring of the URL", "range":"of Range", "every":3,
// "times":N, ...}; "rangeless":true: by a server that knows no ranges
function dueFault(entry) {
	for (const f of faults) {
		if (f.service && f.service !== entry.service) continue;
		if (f.operation && f.operation !== entry.operation) continue;
		if (f.match && !entry.url.includes(f.match)) continue;
		if (f.range && !entry.range?.includes(f.range)) continue;
		f.seen = (f.seen ?? 0) + 1;
		if (f.random ? Math.random() >= f.random : f.seen % (f.every ?? 1) !== 0) continue;
		if (f.times !== undefined && f.times-- <= 0) continue;
		return f;
	}
	return null;
}

// ---- requests upstream

function upstream(port, request, url, headers, body) {
	return new Promise((resolve, reject) => {
		const up = http.request({ host: "127.0.0.1", port, method: request.method, path: url, headers: { ...headers, "content-length": body.length } }, (reply) => {
			const parts = [];
			reply.on("data", (p) => parts.push(p));
			reply.on("end", () => resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(parts) }));
			reply.on("error", reject);
		});
		up.on("error", reject);
		up.end(body);
	});
}

// ---- what the S3 emulator lacks

const crcTables = {};
function crc32c(buffer) {
	const table = crcTables.c ??= Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0x82f63b78 : n >>> 1; return n >>> 0; });
	let crc = 0xffffffff;
	for (const byte of buffer) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
	return (crc ^ 0xffffffff) >>> 0;
}
function base64Of32(n) { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b.toString("base64"); }
const checksums = {
	sha256: (b) => crypto.createHash("sha256").update(b).digest("base64"),
	sha1: (b) => crypto.createHash("sha1").update(b).digest("base64"),
	crc32c: (b) => base64Of32(crc32c(b)),
};
const locks = new Map();
async function locked(name, work) {
	const before = locks.get(name) ?? Promise.resolve();
	const mine = before.then(work, work);
	locks.set(name, mine.catch(() => {}));
	return mine;
}

function encodeKeys(xml) {
	const decode = (s) => s.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&apos;|&#39;/g, "'").replace(/&amp;/g, "&");
	const encode = (s) => encodeURIComponent(decode(s)).replace(/%2F/g, "/").replace(/%20/g, "+").replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
	return xml.replace(/<(Key|Prefix|Delimiter|StartAfter)>([^]*?)<\/\1>/g, (_, tag, text) => `<${tag}>${encode(text)}</${tag}>`)
		.replace("</MaxKeys>", "</MaxKeys><EncodingType>url</EncodingType>");
}

async function notify(bucket, key, reply, size) {
	for (const n of notifications.get(bucket) ?? []) {
		const record = { eventVersion: "2.1", eventSource: "aws:s3", awsRegion: "us-east-1", eventTime: new Date().toISOString(), eventName: "ObjectCreated:Put",
			s3: { s3SchemaVersion: "1.0", bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
				object: { key: encodeURIComponent(key).replace(/%20/g, "+").replace(/%2F/g, "/"), size, eTag: (reply.headers.etag ?? "").replaceAll('"', ""), sequencer: (Date.now() * 1000 + counter++).toString(16).toUpperCase().padStart(18, "0") } } };
		await sdk.sqs.send(new sqssdk.SendMessageCommand({ QueueUrl: n, MessageBody: JSON.stringify({ Records: [record] }) }));
	}
}

// fauxqs knows nothing of the checksums of parts: S3 wants each of them again when the upload is completed
const checksumsOfParts = new Map();
function partsRefused(query, headers, body, kept) {
	const upload = checksumsOfParts.get(query.uploadId);
	if (!upload) return null;
	const header = `x-amz-checksum-${upload.name}`, tag = `Checksum${upload.name.toUpperCase()}`;
	if (query.partNumber) {
		if (!headers[header]) return [400, "InvalidRequest", `Checksum Type mismatch: the upload wants ${header} with each part.`];
		upload.parts.set(query.partNumber, headers[header]);
		return null;
	}
	const listed = [...body.toString().matchAll(/<Part>([^]*?)<\/Part>/g)].map(([, part]) => [/<PartNumber>(\d+)</.exec(part)?.[1], new RegExp(`<${tag}>([^<]*)<`).exec(part)?.[1]]);
	if (listed.some(([number, sum]) => sum !== upload.parts.get(number)))
		return [400, "InvalidPart", `A part's ${tag} is missing or is not what was sent with it.`];
	const sums = Buffer.concat(listed.map(([, sum]) => Buffer.from(sum, "base64")));
	kept[header] = `${checksums[upload.name](sums)}-${listed.length}`;
	return null;
}

async function s3(request, entry, headers, body) {
	const [rawPath, rawQuery = ""] = [request.url.split("?")[0], request.url.slice(request.url.split("?")[0].length + 1)];
	const query = parseQuery(rawQuery);
	const virtual = /^([a-z0-9-]+)\.localhost(:\d+)?$/.exec(headers.host);
	if (virtual) {
		entry.virtual = virtual[1];
		request.url = "/" + virtual[1] + request.url;
		headers.host = "127.0.0.1";
		return s3(request, entry, headers, body);
	}
	const bucket = decodeURIComponent(rawPath.split("/")[1] ?? ""), rawKey = rawPath.slice(rawPath.indexOf("/", 1) + 1);
	const key = rawPath.indexOf("/", 1) < 0 ? "" : decodeURIComponent(rawKey);
	const moved = regions.get(bucket);
	if (moved && moved !== entry.region)
		return { error: [request.method === "HEAD" ? 400 : 301, "PermanentRedirect", "The bucket is in another region.", { "x-amz-bucket-region": moved }] };
	// fauxqs keeps no versions
	if (query.versionId !== undefined && versions.size && (request.method === "GET" || request.method === "HEAD")) {
		const version = versions.get(`${bucket}/${key}?${query.versionId}`);
		if (!version) return { error: [404, "NoSuchVersion", "The specified version does not exist."] };
		return { status: 200, headers: { etag: `"${crypto.createHash("md5").update(version).digest("hex")}"`, "x-amz-version-id": query.versionId }, body: version };
	}
	if (request.method === "PUT" && key) {
		for (const [name, sum] of Object.entries(checksums)) {
			const given = headers[`x-amz-checksum-${name}`];
			if (given && given !== sum(body)) return { error: [400, "BadDigest", `The ${name} you specified did not match what we received.`] };
		}
	}
	const write = (request.method === "PUT" && key && !query.partNumber) || (request.method === "POST" && query.uploadId);
	const ofParts = {};
	const refused = query.uploadId && (request.method === "PUT" || request.method === "POST") ? partsRefused(query, headers, body, ofParts) : null;
	if (refused) return { error: refused };
	if (request.method === "POST" && query.uploadId) body = Buffer.from(body.toString().replace(/<(Checksum\w+)>[^<]*<\/\1>/g, ""));
	const forward = async () => {
		if (write && headers["if-none-match"] === "*") {
			const there = await upstream(backends.fauxqs, { method: "HEAD" }, rawPath, { host: headers.host }, Buffer.alloc(0));
			if (there.status === 200) return { error: [412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"] };
		}
		// fauxqs would take Host for a virtual-hosted bucket
		const reply = await upstream(backends.fauxqs, request, request.url, { ...headers, host: "127.0.0.1" }, body);
		const place = `${bucket}/${key}`, algorithm = headers["x-amz-checksum-algorithm"];
		if (query.uploads !== undefined && algorithm && reply.status === 200)
			checksumsOfParts.set(/<UploadId>([^<]*)</.exec(reply.body.toString())[1], { name: algorithm.toLowerCase(), parts: new Map() });
		if (write && reply.status === 200) {
			const kept = { headers: { ...ofParts } };
			for (const name of Object.keys(checksums))
				if (headers[`x-amz-checksum-${name}`] && !query.uploadId) kept.headers[`x-amz-checksum-${name}`] = headers[`x-amz-checksum-${name}`];
			for (const name of ["x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-tagging"])
				if (headers[name]) kept.headers[name] = headers[name];
			extra.set(place, kept);
			if (!request.headers["x-copy"]) await notify(bucket, key, reply, body.length);
		} else if ((request.method === "GET" || request.method === "HEAD") && key && reply.status === 200) {
			const kept = extra.get(place);
			reply.headers["accept-ranges"] = "bytes";
			for (const [name, value] of Object.entries(kept?.headers ?? {}))
				if (!name.startsWith("x-amz-checksum-") || headers["x-amz-checksum-mode"]) reply.headers[name] ??= value;
		}
		if (query["list-type"] && query["encoding-type"] === "url" && reply.status === 200)
			reply.body = Buffer.from(encodeKeys(reply.body.toString()));
		return reply;
	};
	return write ? locked(`${bucket}/${key}`, forward) : forward();
}

// ---- the token service: enough to assume a role

function sts(body) {
	const form = new URLSearchParams(body.toString());
	const action = form.get("Action");
	const expires = new Date(Date.now() + (hooks.get("sts-seconds") ?? 3600) * 1000).toISOString();
	const xml = `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials><AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>${keys.get("AKIDROLE").secret}</SecretAccessKey><SessionToken>${keys.get("AKIDROLE").token}</SessionToken><Expiration>${expires}</Expiration></Credentials></${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${action}Response>`;
	return { status: 200, headers: { "content-type": "text/xml" }, body: Buffer.from(xml) };
}

// ---- instance and container metadata, without signatures

function metadata(request, response) {
	const role = () => JSON.stringify({ Code: "Success", AccessKeyId: "AKIDROLE", SecretAccessKey: keys.get("AKIDROLE").secret, Token: keys.get("AKIDROLE").token, Expiration: new Date(Date.now() + (hooks.get("imds-seconds") ?? 3600) * 1000).toISOString() });
	const reply = (status, text) => { response.writeHead(status); response.end(text); };
	log({ service: "metadata", method: request.method, url: request.url });
	if (request.url === "/latest/api/token") return request.method === "PUT" ? reply(200, "metadata-token") : reply(405, "");
	if (request.url === "/container") return request.headers.authorization === "container-token" ? reply(200, role()) : reply(401, '{"code":"AccessDenied","message":"no"}');
	if (request.headers["x-aws-ec2-metadata-token"] !== "metadata-token") return reply(401, "");
	if (hooks.get("imds-status")) return reply(hooks.get("imds-status"), "");
	if (request.url === "/latest/meta-data/iam/security-credentials/") return reply(200, "test-role\n");
	if (request.url === "/latest/meta-data/iam/security-credentials/test-role") return reply(200, role());
	if (request.url === "/latest/meta-data/placement/region") return reply(200, "us-east-1");
	return reply(404, "");
}

// ---- the gateway

function operationOf(request, service, body) {
	const target = request.headers["x-amz-target"];
	if (target) return target.split(".")[1];
	if (service !== "s3") return new URLSearchParams(body.toString()).get("Action");
	return request.method;
}

function readBody(request) {
	return new Promise((resolve, reject) => {
		const parts = [];
		request.on("data", (p) => parts.push(p));
		request.on("end", () => resolve(Buffer.concat(parts)));
		request.on("error", reject);
	});
}

function play(fault, request, response, entry, reply) {
	switch (fault.kind) {
	case "throttle":
		if (entry.service === "s3") sendError(response, "s3", 503, "SlowDown", "Please reduce your request rate.");
		else if (entry.service === "dynamodb") sendError(response, "dynamodb", 400, "ProvisionedThroughputExceededException", "slow down");
		else sendError(response, entry.service, 400, "RequestThrottled", "slow down");
		return true;
	case "error":
		sendError(response, entry.service, fault.status ?? 500, fault.code ?? "InternalError", fault.message ?? "We encountered an internal error.");
		return true;
	case "reset":
		request.socket.resetAndDestroy();
		return true;
	case "hang":
		return true;
	case "cut":
		if (!reply || reply.body.length < 2) return false;
		response.writeHead(reply.status, { ...reply.headers, "content-length": reply.body.length });
		response.write(reply.body.subarray(0, Math.floor(reply.body.length * (fault.part ?? 0.5))), () => request.socket.destroy());
		return true;
	case "unframed": // cut, with nothing that tells the length
		if (!reply || reply.body.length < 2) return false;
		delete reply.headers["content-length"];
		delete reply.headers["transfer-encoding"];
		response.useChunkedEncodingByDefault = response.shouldKeepAlive = false;
		response.writeHead(reply.status, { ...reply.headers, connection: "close" });
		response.end(reply.body.subarray(0, Math.floor(reply.body.length * (fault.part ?? 0.5))));
		return true;
	case "corrupt":
		if (!reply || !reply.body.length) return false;
		reply.body = Buffer.from(reply.body);
		reply.body[Math.floor(reply.body.length / 2)] ^= 1;
		return false;
	case "garbage":
		request.socket.end("not http at all\r\n\r\n");
		return true;
	case "lost": // done, but the reply does not arrive
		request.socket.destroy();
		return true;
	case "body":
		response.writeHead(fault.status ?? 200, { "content-type": "application/xml" });
		response.end(fault.body);
		return true;
	}
	throw new Error(`unknown fault ${fault.kind}`);
}

async function handle(request, response) {
	const body = await readBody(request);
	if (request.url.startsWith("/_sdk/")) return control(orderOf(request.url, body.toString()), response);
	if (request.url === "/_control") return control(JSON.parse(body.toString()), response);
	if (request.url.startsWith("/latest/") || request.url === "/container") return metadata(request, response);
	const auth = parseAuthorization(request.headers.authorization);
	const anonymous = !auth && /Action=AssumeRoleWithWebIdentity/.test(body.toString("latin1", 0, 200));
	const service = auth?.service ?? (anonymous ? "sts" : "s3");
	const entry = { n: ++counter, ms: Date.now(), service, operation: operationOf(request, service, body), method: request.method, url: request.url, key: auth?.id, region: auth?.region, bytes: body.length };
	if (service === "sqs" && hooks.get("log-bodies")) entry.body = body.toString();
	if (request.headers.range) entry.range = request.headers.range;
	if (request.headers["x-amz-request-payer"]) entry.payer = request.headers["x-amz-request-payer"];
	if (request.socket.encrypted) entry.tls = request.socket.getProtocol();
	const refused = auth ? await checkSignature(request, auth, body) : anonymous ? null : { code: "AccessDenied", message: "Anonymous access is forbidden" };
	entry.signature = refused?.code ?? "ok";
	response.setHeader("date", new Date(Date.now() + skewSeconds * 1000).toUTCString());
	if (refused) {
		log({ ...entry, status: refused.status ?? 403 });
		return sendError(response, service, refused.status ?? 403, refused.code, refused.message);
	}
	const fault = dueFault(entry);
	const late = fault && ["cut", "unframed", "corrupt", "lost"].includes(fault.kind);
	if (fault?.delay) await new Promise((resolve) => setTimeout(resolve, fault.delay));
	if (fault && fault.kind !== "delay" && !late) {
		log({ ...entry, fault: fault.kind });
		return play(fault, request, response, entry, null);
	}
	const headers = { ...request.headers };
	if (fault?.rangeless) delete headers.range;
	let reply;
	if (service === "s3") reply = await s3(request, entry, headers, body);
	else if (service === "sts") reply = sts(body);
	else if (service === "dynamodb") reply = await upstream(backends.dynalite, request, request.url, headers, body);
	else reply = await upstream(backends.fauxqs, request, request.url, { ...headers, host: "127.0.0.1" }, body);
	entry.status = reply.error ? reply.error[0] : reply.status;
	if (service === "sqs" && hooks.get("log-bodies") && !reply.error) entry.reply = reply.body.toString();
	log({ ...entry, ended: ++counter, fault: fault?.kind });
	if (reply.error) return sendError(response, service, ...reply.error);
	if (late && play(fault, request, response, entry, reply)) return;
	delete reply.headers["transfer-encoding"];
	delete reply.headers.connection;
	delete reply.headers.date;
	if (request.method !== "HEAD") reply.headers["content-length"] = reply.body.length;
	response.writeHead(reply.status, reply.headers);
	response.end(reply.body);
}

// ---- steering, and the SDK as independent client

let sdk;
const modules = { s3: s3sdk, sqs: sqssdk, sns: snssdk, dynamodb: dynamosdk };

async function call(service, command, input) {
	if (input.BodyBase64) { input.Body = Buffer.from(input.BodyBase64, "base64"); delete input.BodyBase64; }
	if (input.BodyFile) { input.Body = fs.readFileSync(input.BodyFile); delete input.BodyFile; }
	const result = await sdk[service].send(new modules[service][command + "Command"](input));
	if (result.Body) result.Body = Buffer.from(await result.Body.transformToByteArray());
	delete result.$metadata;
	return result;
}

// The order of POST /_sdk/SERVICE/COMMAND[?MEMBER] with the input as a form.
function orderOf(url, form) {
	const [, service, command, member] = /^\/_sdk\/(\w+)\/(\w+)(?:\?(\w+))?$/.exec(url);
	return { do: "sdk", service, command, member, input: Object.fromEntries(new URLSearchParams(form)) };
}

async function control(order, response) {
	const answer = (value, status = 200) => { response.writeHead(status, { "content-type": "application/json" }); response.end(typeof value === "string" ? value : JSON.stringify(value)); };
	try {
		switch (order.do) {
		case "faults": faults = order.faults; return answer({});
		case "skew": skewSeconds = order.seconds; return answer({});
		case "notify": notifications.set(order.bucket, order.queues); return answer({});
		case "region": regions.set(order.bucket, order.region); return answer({});
		case "version": versions.set(`${order.bucket}/${order.key}?${order.version}`, fs.readFileSync(order.file)); return answer({});
		case "headers": extra.set(`${order.bucket}/${order.key}`, { headers: order.headers }); return answer({});
		case "tls": {
			const secure = https.createServer({ key: fs.readFileSync(order.key), cert: fs.readFileSync(order.cert) }, listener);
			await new Promise((resolve) => secure.listen(0, "127.0.0.1", resolve));
			return answer(String(secure.address().port));
		}
		case "fill":
			for (let n = 1; n <= order.count; n++)
				await upstream(backends.fauxqs, { method: "PUT" }, `/${order.bucket}/${encodeURI(order.prefix + n)}`, { host: "127.0.0.1" }, Buffer.from("x"));
			return answer({});
		case "hook": hooks.set(order.name, order.value); return answer({});
		case "sdk": {
			const result = await call(order.service, order.command, order.input ?? {});
			if (order.member) {
				response.writeHead(200);
				return response.end(result[order.member]);
			}
			if (result.Body) result.Body = result.Body.toString("base64");
			return answer(result);
		}
		}
		answer({ error: "what?" }, 400);
	} catch (error) {
		answer({ error: String(error), name: error.name }, 500);
	}
}

const fauxqs = await startFauxqs({ port: 0, logger: false, host: "127.0.0.1" });
const dynamo = dynalite({ createTableMs: 0, deleteTableMs: 0 });
await new Promise((resolve) => dynamo.listen(0, "127.0.0.1", resolve));
backends = { fauxqs: fauxqs.port, dynalite: dynamo.address().port };
function listener(request, response) {
	handle(request, response).catch((error) => {
		log({ crash: String(error.stack) });
		if (!response.headersSent) response.writeHead(500);
		response.end();
	});
}
const gateway = http.createServer(listener);
gateway.keepAliveTimeout = 5000;
await new Promise((resolve) => gateway.listen(0, "127.0.0.1", resolve));
const port = gateway.address().port;
const client = { endpoint: `http://127.0.0.1:${port}`, region: "us-east-1", credentials: { accessKeyId: "AKIDSDK", secretAccessKey: "sdk-secret" } };
sdk = { s3: new s3sdk.S3Client({ ...client, forcePathStyle: true }), sqs: new sqssdk.SQSClient({ ...client, useQueueUrlAsEndpoint: false }), sns: new snssdk.SNSClient(client), dynamodb: new dynamosdk.DynamoDBClient(client) };
fs.writeFileSync(path.join(directory, "port.new"), String(port));
fs.renameSync(path.join(directory, "port.new"), path.join(directory, "port"));
process.on("SIGTERM", () => process.exit(0));
// Whoever started us is gone.
const parent = process.ppid;
setInterval(() => { if (process.ppid !== parent || !fs.existsSync(directory)) process.exit(0); }, 1000);
