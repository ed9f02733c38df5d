#include "aws/client_private.h"
#include "aws/xml.h"
#include "json/text.h"

#include <stdio.h>
#include <string.h>

#define SECRET_BYTES 40 /* of the shortest, a secret access key */

static void
parse_error_xml(struct aws_exchange *x, struct slice body)
{
	struct error unused;
	struct xml_node *root = xml_parse(body, &x->reply_arena, &unused);
	struct xml_node *e = xml_find(root, "Error");

	x->reply.code = xml_text(e, "Code");
	x->reply.message = xml_text(e, "Message");
	x->reply.region = xml_text(e, "Region");
	if (!x->reply.request_id.n)
		x->reply.request_id = xml_text(e, "RequestId");
	if (!x->reply.request_id.n)
		x->reply.request_id = xml_text(root, "RequestId");
}

/* "com.amazonaws.sqs#QueueDoesNotExist:http://..." is QueueDoesNotExist. */
static struct slice
bare_code(struct slice code)
{
	const char *hash = code.n ? memrchr(code.p, '#', code.n) : NULL;
	const char *colon;

	if (hash)
		code = (struct slice){hash + 1, code.n - (size_t)(hash + 1 - code.p)};
	colon = code.n ? memchr(code.p, ':', code.n) : NULL;
	if (colon)
		code.n = (size_t)(colon - code.p);
	return code;
}

static void
parse_error_json(struct aws_exchange *x, struct slice body)
{
	struct slice value;
	struct error unused;

	if (json_parse(body, "reply", &value, &unused) < 0 || json_kind(value) != JSON_OBJECT)
		return;
	x->reply.code = bare_code(json_member_text(value, "__type", &x->reply_arena));
	if (!x->reply.code.n)
		x->reply.code = bare_code(json_member_text(value, "code", &x->reply_arena));
	x->reply.message = json_member_text(value, "message", &x->reply_arena);
	if (!x->reply.message.n)
		x->reply.message = json_member_text(value, "Message", &x->reply_arena);
}

static struct slice
first_header(const struct http_reply *head, const char *a, const char *b)
{
	struct slice value = http_header(head, a);

	return value.n ? value : http_header(head, b);
}

static bool
is_region(struct slice region)
{
	for (size_t i = 0; i < region.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", region.p[i]) || !region.p[i])
			return false;
	return true;
}

void
client_parse_error(struct aws_exchange *x)
{
	struct slice body = buffer_slice(&x->reply.body);
	struct slice region = http_header(x->reply.head, "x-amz-bucket-region");

	while (body.n && (body.p[0] == ' ' || body.p[0] == '\n' || body.p[0] == '\r'))
		body.p++, body.n--;
	x->reply.request_id = first_header(x->reply.head, "x-amz-request-id", "x-amzn-requestid");
	if (body.n && body.p[0] == '<')
		parse_error_xml(x, body);
	else if (body.n && body.p[0] == '{')
		parse_error_json(x, body);
	if (region.n)
		x->reply.region = region;
	if (!is_region(x->reply.region)) /* it would go into the next request's head */
		x->reply.region = (struct slice){NULL, 0};
}

/* ---- errors in words ---- */

static const char *
hint_for(struct slice code, int status)
{
	static const struct {
		const char *code, *hint;
	} hints[] = {
		{"InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID or AWS_PROFILE"},
		{"InvalidClientTokenId", "check AWS_ACCESS_KEY_ID or AWS_PROFILE"},
		{"UnrecognizedClientException", "check AWS_ACCESS_KEY_ID or AWS_PROFILE"},
		{"InvalidSecurity", "check AWS_ACCESS_KEY_ID or AWS_PROFILE"},
		{"InvalidToken", "check AWS_SESSION_TOKEN or AWS_PROFILE"},
		{"SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY or AWS_PROFILE"},
		{"InvalidSignatureException", "check AWS_SECRET_ACCESS_KEY or AWS_PROFILE"},
		{"ExpiredToken", "the session is over: renew it, or use a profile that renews itself"},
		{"ExpiredTokenException", "the session is over: renew it, or use a profile that renews itself"},
		{"RequestTimeTooSkewed", "set this computer's clock"},
		{"NoSuchBucket", "check the bucket's name and AWS_ENDPOINT_URL"},
		{"NoSuchKey", "check the key; a prefix ends in '/'"},
		{"QueueDoesNotExist", "check the queue's name, account and region (AWS_REGION)"},
		{"AWS.SimpleQueueService.NonExistentQueue", "check the queue's name, account and region (AWS_REGION)"},
		{"ResourceNotFoundException", "check the table's name and AWS_REGION"},
		{"NotFound", "check the topic's ARN and region"},
		{"PermanentRedirect", "check AWS_REGION"},
		{"AuthorizationHeaderMalformed", "check AWS_REGION"},
		{"IllegalLocationConstraintException", "check AWS_REGION"},
		{"InvalidObjectState", "the object is archived: restore it first"},
		{"KMS.AccessDeniedException", "the role needs kms:Decrypt on the key"},
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		if (slice_equal(code, slice_of(hints[i].code)))
			return hints[i].hint;
	return status == 301 || status == 307 ? "check AWS_REGION" : NULL;
}

static const char *
code_for(int status)
{
	switch (status) {
	case 301: return "PermanentRedirect";
	case 400: return "BadRequest";
	case 403: return "AccessDenied";
	case 404: return "NotFound";
	case 405: return "MethodNotAllowed";
	case 412: return "PreconditionFailed";
	case 429: return "TooManyRequests";
	case 503: return "ServiceUnavailable";
	default: return status >= 500 ? "InternalError" : "UnexpectedStatus";
	}
}

/* Where the keys came from that it was signed with. */
static void
keys_source(const struct aws_exchange *x, char *out, size_t n)
{
	*out = 0;
	if (x->call.keys)
		snprintf(out, n, "%s", x->call.keys->source);
	else if (!x->call.anonymous)
		credentials_source(out, n);
}

/* Only the first line: below it some services repeat the request they would have signed, with the session token. */
static struct slice
first_line(struct slice message)
{
	const char *end = message.n ? memchr(message.p, '\n', message.n) : NULL;

	return end ? (struct slice){message.p, (size_t)(end - message.p)} : message;
}

static bool
is_of_base64(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
		c == '=';
}

/* Some services repeat what they were sent: text that is as long as a secret key, and looks like one, a signature or a
 * session token, is left out. */
static void
add_message(struct buffer *text, struct slice message)
{
	size_t end;

	for (size_t at = 0; at < message.n; at = end) {
		for (end = at; end < message.n && is_of_base64(message.p[end]);)
			end++;
		if (end - at >= SECRET_BYTES)
			buffer_add_string(text, "(...)");
		else
			buffer_add(text, message.p + at, (end += end < message.n) - at);
	}
}

static void
explain_refusal(struct aws_exchange *x, struct error *error)
{
	const struct aws_reply *r = &x->reply;
	struct slice code = r->code.n ? r->code : slice_of(code_for(r->status)), message = first_line(r->message);
	const char *hint = hint_for(r->code, r->status);
	char source[160];
	struct buffer text = {0};
	bool denied = r->status == 403 && !hint;

	buffer_format(&text, "cannot %s: %.*s", x->call.what, (int)code.n, code.p);
	if (message.n) {
		buffer_add_string(&text, ": ");
		add_message(&text, (struct slice){message.p, message.n < 500 ? message.n : 500});
	}
	buffer_format(&text, " (HTTP %d", x->wire_status);
	if (r->request_id.n)
		buffer_format(&text, ", request id %.*s", (int)r->request_id.n, r->request_id.p);
	if (x->retry.attempt > 1)
		buffer_format(&text, ", %d attempts", x->retry.attempt);
	buffer_add_string(&text, ")");
	keys_source(x, source, sizeof(source));
	if (r->region.n)
		buffer_format(&text, "; it is in region %.*s", (int)r->region.n, r->region.p);
	if (hint)
		buffer_format(&text, "; %s", hint);
	if ((denied || slice_begins(slice_of(hint), SLICE("check AWS_A")) ||
		    slice_begins(slice_of(hint), SLICE("check AWS_S"))) &&
		source[0])
		buffer_format(&text, denied ? "; the credentials of %s need %s" : " (the keys are from %s)", source,
			x->call.permission ? x->call.permission : "permission for it");
	error_set(error, STATUS_FAILED, "aws", "%s", buffer_string(&text));
	buffer_free(&text);
}

/* Codes of a service that finds the keys wrong or too old, whatever they are used for. */
static bool
tells_of_keys(struct slice code)
{
	static const char *const codes[] = {"ExpiredToken", "ExpiredTokenException", "InvalidToken",
		"TokenRefreshRequired", "AuthorizationHeaderMalformed", "InvalidClientTokenId",
		"UnrecognizedClientException"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (slice_equal(code, slice_of(codes[i])))
			return true;
	return false;
}

/* Codes of struct error are static words; the few that callers tell apart. */
static const char *
error_code(const struct aws_exchange *x)
{
	if (slice_equal(x->reply.code, SLICE("NoSuchBucket")))
		return "no-bucket";
	/* it is archived, or a version that marks a removal */
	if (slice_equal(x->reply.code, SLICE("InvalidObjectState")) || x->reply.status == 405)
		return "unreadable";
	if (x->reply.status == 404)
		return "missing";
	if (slice_equal(x->reply.code, SLICE("AccessDenied")))
		return "denied";
	if (x->reply.status == 403 || x->reply.status == 401 || tells_of_keys(x->reply.code))
		return "access";
	if (x->reply.status == 412)
		return "precondition";
	return x->reply.status ? "service" : "network";
}

void
client_explain(struct aws_exchange *x, struct error *error)
{
	struct error cause = *error;

	if (x->outcome.transport == RETRY_ANSWERED) {
		explain_refusal(x, error);
	} else {
		char tries[40] = "";

		if (x->retry.attempt > 1)
			snprintf(tries, sizeof(tries), ", %d attempts", x->retry.attempt);
		error_set(error, STATUS_FAILED, "network", "cannot %s: %.900s (%s://%s%s%.200s%s)%s", x->call.what,
			cause.text, x->call.endpoint->scheme, x->call.host_label ? x->call.host_label : "",
			x->call.host_label ? "." : "", x->call.endpoint->authority, tries,
			x->outcome.transport == RETRY_UNREACHABLE
				? "; check the network, the proxy and AWS_ENDPOINT_URL"
				: "");
	}
	error->code = error_code(x);
}
