/* config - region, endpoints and settings, found as the AWS CLI finds them.
 *
 * Source: AWS SDKs and Tools Reference Guide. Variables come before the profile; the profile is AWS_PROFILE (or
 * AWS_DEFAULT_PROFILE), else "default", from AWS_CONFIG_FILE (~/.aws/config) and AWS_SHARED_CREDENTIALS_FILE
 * (~/.aws/credentials). Loaded once, then read only: thread safe. */
#ifndef ACC_AWS_CONFIG_H
#define ACC_AWS_CONFIG_H

#include "aws/ini.h"
#include "base/buffer.h"
#include "base/environment.h"
#include "base/error.h"

#include <stdbool.h>

enum aws_service { AWS_S3, AWS_SQS, AWS_SNS, AWS_DYNAMODB, AWS_STS };

struct aws_config {
	const struct environment *environment;
	struct ini ini;
	const char *profile; /* name; borrowed from the environment, or "default" */
	bool profile_was_asked_for;
	const char *config_file; /* owned: the paths that were read, for messages */
	const char *credentials_file;
};

/* Read the files; one that is not there is empty. -1 with *error (STATUS_USAGE). */
int aws_config_load(struct aws_config *c, const struct environment *environment, struct error *error);
void aws_config_free(struct aws_config *c);

/* Append a small file that the user configures. -1 with *error: the code "missing" where it is not there, STATUS_USAGE
 * where it has more than max bytes. */
int aws_read_file(const char *path, size_t max, struct buffer *text, struct error *error);

/* The environment's variable, else the profile's property, else empty. variable or property may be NULL. */
struct slice aws_config_value(const struct aws_config *c, const char *variable, const char *property);
bool aws_config_flag(const struct aws_config *c, const char *variable, const char *property);

/* AWS_REGION, AWS_DEFAULT_REGION or the profile's; p is NULL when none of them says. */
struct slice aws_config_region(const struct aws_config *c);

/* The name that is signed ("s3", "sqs", "dynamodb", ...). */
const char *aws_service_name(enum aws_service service);

struct aws_endpoint {
	char scheme[6];  /* "http" or "https" */
	char *authority; /* host[:port], owned */
	char *prefix;    /* path in front of everything, without trailing '/'; owned */
	bool custom;     /* configured, not computed */
};

/* Resolve a service's endpoint in a region: AWS_ENDPOINT_URL_<SVC>, AWS_ENDPOINT_URL, the profile's services section,
 * its endpoint_url, else computed (dual-stack and FIPS as configured). -1 with *error (STATUS_USAGE). Gives *endpoint
 * to aws_endpoint_free. */
int aws_endpoint_resolve(const struct aws_config *c, enum aws_service service, const char *region,
	struct aws_endpoint *endpoint, struct error *error);
/* From a URL: scheme://authority[/path]. false when it is none. */
bool aws_endpoint_parse(struct slice url, struct aws_endpoint *endpoint);
void aws_endpoint_free(struct aws_endpoint *endpoint);

#endif
