// A network that lies: between the tools and the endpoint, by a seed.
//
//     node proxy.mjs ENDPOINT      prints its port
//
// POST /_seed with a number begins anew and answers with what was played till then: {"KIND SERVICE": times}.
import http from "node:http";

const endpoint = new URL(process.argv[2]);
const kinds = ["reset", "stall", "cut", "corrupt", "spoil", "500", "502", "503", "429", "throttle", "slow", "loris", "lost", "garbage",
	"skew", "expired", "twice", "silent", "vanish", "again", "shuffle"];
let state = 0, rate = 0, played = {}, seen = [], generation = 0;

// mulberry32
function random() {
	state = (state + 0x6d2b79f5) >>> 0;
	let t = Math.imul(state ^ (state >>> 15), 1 | state);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
function below(n) { return Math.floor(random() * n); }
function pause(ms) { return new Promise((resolve) => setTimeout(resolve, ms)); }

function begin(seed) {
	const before = played;
	state = seed >>> 0;
	rate = [0.02, 0.1, 0.3, 0.7][below(4)];
	played = {};
	seen = [];
	generation++;
	return before;
}

function collect(stream) {
	return new Promise((resolve, reject) => {
		const parts = [];
		stream.on("data", (part) => parts.push(part));
		stream.on("end", () => resolve(Buffer.concat(parts)));
		stream.on("error", reject);
	});
}

const agent = new http.Agent({ keepAlive: true });
function forward(request, body) {
	return new Promise((resolve, reject) => {
		const up = http.request({ agent, host: endpoint.hostname, port: endpoint.port, method: request.method, path: request.url, headers: request.headers },
			(reply) => collect(reply).then((all) => resolve({ status: reply.statusCode, headers: reply.headers, body: all }), reject));
		up.on("error", reject);
		up.end(body);
	});
}

function serviceOf(request) {
	const service = /\/(\w+)\/aws4_request/.exec(request.headers.authorization ?? "")?.[1] ?? "other";
	return service === "s3" && /[?&]list-type=/.test(request.url) ? "list" : service;
}
function isS3(service) { return service === "s3" || service === "list"; }

function refuse(service, response, status, code) {
	if (isS3(service)) {
		response.writeHead(status, { "content-type": "application/xml" });
		response.end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
	} else {
		response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
		response.end(JSON.stringify({ __type: `com.amazonaws.${service}#${code}`, message: "no" }));
	}
}

function throttle(service, response) {
	if (isS3(service)) return refuse(service, response, 503, "SlowDown");
	return refuse(service, response, 400, service === "dynamodb" ? "ProvisionedThroughputExceededException" : "RequestThrottled");
}

async function slowly(response, reply) {
	response.writeHead(reply.status, reply.headers);
	const step = Math.max(1, Math.ceil(reply.body.length / 20));
	for (let at = 0; at < reply.body.length; at += step) {
		response.write(reply.body.subarray(at, at + step));
		await pause(25);
	}
	response.end();
}

// Status line and headers, too, a few bytes at a time.
async function drip(socket, reply) {
	const head = `HTTP/1.1 ${reply.status} OK\r\n` + Object.entries(reply.headers).map(([name, value]) => `${name}: ${value}\r\n`).join("") + "connection: close\r\n\r\n";
	const all = Buffer.concat([Buffer.from(head), reply.body]);
	const step = Math.max(1, Math.ceil(all.length / 60));
	for (let at = 0; at < all.length && !socket.destroyed; at += step) {
		socket.write(all.subarray(at, at + step));
		await pause(10);
	}
	socket.end();
}

function flip(body) { body[below(body.length)] ^= 1 << below(8); }

// Where a checksum or the syntax lets the receiver see it: objects read, and what SQS and DynamoDB answer. A list has no checksum.
function mayCorrupt(request, service, reply) {
	if (!reply.body.length) return false;
	return service !== "s3" || (request.method === "GET" && reply.headers["x-amz-checksum-sha256"]);
}

function rearrange(kind, service, reply) {
	let text;
	try {
		text = JSON.parse(reply.body.toString());
	} catch {
		return;
	}
	if (service !== "sqs" || !text.Messages) return;
	if (kind === "again" && seen.length) text.Messages = [...text.Messages, seen[below(seen.length)]].slice(-10);
	if (kind === "shuffle") text.Messages.sort(() => random() - 0.5);
	reply.body = Buffer.from(JSON.stringify(text));
}

function remember(service, reply) {
	if (service !== "sqs" || !reply.body.includes('"Messages"')) return;
	try {
		seen.push(...(JSON.parse(reply.body.toString()).Messages ?? []));
	} catch { /* an error's text */ }
}

async function handle(request, response) {
	const mine = generation, body = await collect(request);
	if (request.url === "/_seed") return response.end(JSON.stringify(begin(Number(body.toString()))));
	const service = serviceOf(request);
	const kind = random() < rate ? kinds[below(kinds.length)] : "none";
	if (kind !== "none") played[`${kind} ${service}`] = (played[`${kind} ${service}`] ?? 0) + 1;
	switch (kind) {
	case "reset": return request.socket.resetAndDestroy();
	case "silent": return; // a half-open connection: it was accepted, and nobody is there
	case "garbage": return request.socket.end("not http at all\r\n\r\n");
	case "500": return refuse(service, response, 500, "InternalError");
	case "502": response.writeHead(502); return response.end("<html>Bad Gateway</html>");
	case "503": return refuse(service, response, 503, isS3(service) ? "SlowDown" : "ServiceUnavailable");
	case "429": response.writeHead(429); return response.end();
	case "throttle": return throttle(service, response);
	case "expired": return refuse(service, response, 400, "ExpiredToken");
	case "skew":
		response.setHeader("date", new Date(Date.now() + 3600e3 * (random() - 0.5) * 4).toUTCString());
		return refuse(service, response, 403, "RequestTimeTooSkewed");
	case "stall": await pause(1000); break;
	case "twice": if (!isS3(service)) await forward(request, body); break;
	case "spoil": if (body.length) flip(body); break;
	}
	const reply = await forward(request, body);
	if (mine !== generation) return request.socket.destroy();
	remember(service, reply);
	delete reply.headers["transfer-encoding"];
	delete reply.headers.connection;
	delete reply.headers["keep-alive"];
	rearrange(kind, service, reply);
	if (request.method !== "HEAD") reply.headers["content-length"] = reply.body.length;
	if (kind === "lost") return request.socket.destroy();
	if (kind === "slow") return slowly(response, reply);
	if (kind === "loris" && request.method !== "HEAD") return drip(request.socket, reply);
	if (kind === "corrupt" && mayCorrupt(request, service, reply)) flip(reply.body);
	response.writeHead(reply.status, reply.headers);
	if ((kind === "cut" || kind === "vanish") && reply.body.length > 1) {
		const part = reply.body.subarray(0, below(reply.body.length));
		return response.write(part, () => kind === "cut" && request.socket.destroy());
	}
	response.end(reply.body);
}

const server = http.createServer((request, response) => {
	handle(request, response).catch(() => request.socket.destroy());
});
server.listen(0, "127.0.0.1", () => process.stdout.write(server.address().port + "\n"));
process.on("SIGTERM", () => process.exit(0));
// Whoever started us is gone.
const parent = process.ppid;
setInterval(() => { if (process.ppid !== parent) process.exit(0); }, 1000);
