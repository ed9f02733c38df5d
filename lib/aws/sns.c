#include "aws/sns.h"

#include "aws/client.h"
#include "base/percent.h"
#include "base/utf8.h"

#include <stdio.h>

/* arn:aws:sns:REGION:ACCOUNT:NAME */
static bool
region_of_arn(const char *arn, char region[64])
{
	return sscanf(arn, "arn:%*[^:]:sns:%63[^:]:", region) == 1;
}

bool
sns_is_topic(const char *arn)
{
	char region[64];

	return region_of_arn(arn, region);
}

int
sns_publish(const char *topic_arn, struct slice subject, struct slice message, int64_t until_ms, struct error *error)
{
	char region[64], what[300];
	struct buffer form = {0};
	struct aws_exchange *x;
	struct aws_reply *reply;
	struct aws_call call = {.service = AWS_SNS,
		.what = what,
		.permission = "sns:Publish",
		.method = "POST",
		.region = region,
		.path = SLICE("/"),
		.has_body = true,
		.body_fd = -1,
		.total_ms = 20000,
		.until_ms = until_ms,
		.root = "PublishResponse"};
	int result;

	if (!region_of_arn(topic_arn, region))
		return error_set(error, STATUS_USAGE, "usage", "'%s' is no topic's ARN (arn:aws:sns:...)", topic_arn);
	message = utf8_cut(message, SNS_MESSAGE_MAX);
	if (subject.n > 99)
		subject.n = 99;
	snprintf(what, sizeof(what), "publish to '%.250s'", topic_arn);
	buffer_add_string(&form, "Action=Publish&Version=2010-03-31");
	form_add(&form, SLICE("TopicArn"), slice_of(topic_arn));
	form_add(&form, SLICE("Subject"), subject);
	form_add(&form, SLICE("Message"), message);
	call.body = buffer_slice(&form);
	aws_header(&call, "Content-Type", SLICE("application/x-www-form-urlencoded; charset=utf-8"));
	result = aws_perform(&call, &x, &reply, error);
	aws_end(x);
	buffer_free(&form);
	return result;
}
