// A network that lies: between the tools and the endpoint, by a seed.
//
//     node proxy.mjs ENDPOINT SEED      prints its port, then the name of each fault it plays, a line each
import http from "node:http";

const endpoint = new URL(process.argv[2]);
let state = Number(process.argv[3]) >>> 0;
// mulberry32
function random() {
	state = (state + 0x6d2b79f5) >>> 0;
	let t = Math.imul(state ^ (state >>> 15), 1 | state);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const rate = [0.02, 0.1, 0.3, 0.7][Math.floor(random() * 4)];
const kinds = ["reset", "stall", "cut", "corrupt", "500", "502", "503", "429", "throttle", "slow", "lost", "garbage", "skew", "expired", "twice"];

function say(kind) { process.stdout.write(kind + "\n"); }

function collect(stream) {
	return new Promise((resolve, reject) => {
		const parts = [];
		stream.on("data", (part) => parts.push(part));
		stream.on("end", () => resolve(Buffer.concat(parts)));
		stream.on("error", reject);
	});
}

function forward(request, body) {
	return new Promise((resolve, reject) => {
		const up = http.request({ host: endpoint.hostname, port: endpoint.port, method: request.method, path: request.url, headers: request.headers },
			async (reply) => resolve({ status: reply.statusCode, headers: reply.headers, body: await collect(reply) }));
		up.on("error", reject);
		up.end(body);
	});
}

function isS3(request) { return /\/s3\/aws4_request/.test(request.headers.authorization ?? ""); }

function refuse(request, response, status, code) {
	if (isS3(request)) {
		response.writeHead(status, { "content-type": "application/xml" });
		response.end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
	} else {
		response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
		response.end(JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: "no" }));
	}
}

async function slowly(response, reply) {
	response.writeHead(reply.status, reply.headers);
	const step = Math.max(1, Math.ceil(reply.body.length / 20));
	for (let at = 0; at < reply.body.length; at += step) {
		response.write(reply.body.subarray(at, at + step));
		await new Promise((resolve) => setTimeout(resolve, 25));
	}
	response.end();
}

async function handle(request, response) {
	const body = await collect(request);
	const kind = random() < rate ? kinds[Math.floor(random() * kinds.length)] : "none";
	if (kind !== "none") say(kind);
	switch (kind) {
	case "reset": return request.socket.resetAndDestroy();
	case "garbage": return request.socket.end("not http at all\r\n\r\n");
	case "500": return refuse(request, response, 500, "InternalError");
	case "502": response.writeHead(502); return response.end("<html>Bad Gateway</html>");
	case "503": return refuse(request, response, 503, isS3(request) ? "SlowDown" : "ServiceUnavailable");
	case "429": response.writeHead(429); return response.end();
	case "throttle": return isS3(request) ? refuse(request, response, 503, "SlowDown") : refuse(request, response, 400, "RequestThrottled");
	case "expired": return refuse(request, response, 400, "ExpiredToken");
	case "skew":
		response.setHeader("date", new Date(Date.now() + 3600e3 * (random() - 0.5) * 4).toUTCString());
		return refuse(request, response, 403, "RequestTimeTooSkewed");
	case "stall": await new Promise((resolve) => setTimeout(resolve, 1500)); break;
	case "twice": if (!isS3(request)) await forward(request, body); break;
	}
	const reply = await forward(request, body);
	delete reply.headers["transfer-encoding"];
	if (request.method !== "HEAD") reply.headers["content-length"] = reply.body.length;
	if (kind === "lost") return request.socket.destroy();
	if (kind === "slow") return slowly(response, reply);
	// Where a checksum lets the receiver see it: objects read.
	if (kind === "corrupt" && isS3(request) && request.method === "GET" && reply.headers["x-amz-checksum-sha256"] && reply.body.length)
		reply.body[Math.floor(random() * reply.body.length)] ^= 1 << Math.floor(random() * 8);
	response.writeHead(reply.status, reply.headers);
	if (kind === "cut" && reply.body.length > 1)
		return response.write(reply.body.subarray(0, Math.floor(random() * reply.body.length)), () => request.socket.destroy());
	response.end(reply.body);
}

const server = http.createServer((request, response) => {
	handle(request, response).catch(() => request.socket.destroy());
});
server.listen(0, "127.0.0.1", () => say(String(server.address().port)));
process.on("SIGTERM", () => process.exit(0));
