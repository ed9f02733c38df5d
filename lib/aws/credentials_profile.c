#include "aws/credentials_private.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHAIN_MAX = 8, PROCESS_MAX_MS = 60 * 1000 };

/* ---- credential_process ---- */

/* Words as a shell has them, without a shell: white space, both quotes, and backslash. */
static char **
split_words(struct slice command)
{
	char **words = memory_get_zeroed(command.n + 2, sizeof(*words));
	char *out = memory_get(command.n * 2 + 2), quote = 0;
	size_t n = 0;
	bool in_word = false;

	words[0] = out;
	for (size_t i = 0; i < command.n; i++) {
		char c = command.p[i];

		if (!quote && (c == ' ' || c == '\t' || c == '\n')) {
			if (in_word) {
				*out++ = 0;
				words[++n] = out;
			}
			in_word = false;
			continue;
		}
		in_word = true;
		if (c == quote)
			quote = 0;
		else if (!quote && (c == '"' || c == '\''))
			quote = c;
		else if (c == '\\' && quote != '\'' && i + 1 < command.n)
			*out++ = command.p[++i];
		else
			*out++ = c;
	}
	*out = 0;
	words[in_word ? n + 1 : n] = NULL;
	if (!in_word && n == 0) {
		free(out);
		words[0] = NULL;
	}
	return words;
}

/* All of it, or false when the time was up first. */
static bool
read_timely(int fd, struct buffer *out, int64_t end)
{
	struct pollfd readable = {fd, POLLIN, 0};
	int64_t now;
	ssize_t got = 1;

	while (got > 0 && out->n < CREDENTIALS_TEXT_MAX) {
		if ((now = clock_ms()) >= end)
			return false;
		if (poll(&readable, 1, (int)(end - now)) <= 0)
			continue;
		buffer_reserve(out, 4096);
		do
			got = read(fd, out->p + out->n, 4096);
		while (got < 0 && errno == EINTR);
		out->n += got > 0 ? (size_t)got : 0;
	}
	return true;
}

static int
read_process(char **words, struct buffer *out, int *status, struct error *error)
{
	posix_spawn_file_actions_t actions;
	int64_t end = clock_ms() + PROCESS_MAX_MS;
	int fds[2], failed;
	bool timely;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_system(error, "cannot make a pipe");
	posix_spawn_file_actions_init(&actions);
	if (!isatty(0)) /* it may ask a person, but what is piped to us is ours */
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	failed = child_spawn(&pid, words, NULL, &actions);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (failed) {
		close(fds[0]);
		errno = failed;
		return error_system(error, "cannot run credential_process '%s'", words[0]);
	}
	timely = read_timely(fds[0], out, end);
	close(fds[0]); /* one that would write for ever ends by that */
	timely = timely && child_ends_within(pid, (int)(end - clock_ms()));
	if (!timely)
		kill(pid, SIGKILL);
	*status = child_wait(pid);
	return timely ? 0
		      : error_set(error, STATUS_FAILED, "credentials",
				"credential_process '%s' took longer than %d s; it was ended", words[0],
				PROCESS_MAX_MS / 1000);
}

static int
by_process(const char *profile, struct slice command, struct aws_keys *keys, struct error *error)
{
	char **words = split_words(command);
	struct buffer json = {0};
	struct error cause;
	int status = 0, result = -1;

	snprintf(keys->source, sizeof(keys->source), "profile '%.80s' (credential_process)", profile);
	if (!words[0])
		credentials_bad(error, "credentials", "credential_process is empty");
	else if (read_process(words, &json, &status, error) < 0)
		;
	else if (status != 0)
		error_set(error, STATUS_FAILED, "credentials",
			"credential_process of profile '%s' failed with status %d", profile, status);
	else if (credentials_parse(buffer_slice(&json), true, keys, &cause) < 0)
		error_set(error, STATUS_FAILED, "credentials", "credential_process of profile '%s': %.900s", profile,
			cause.text);
	else
		result = 1;
	free(words[0]);
	free(words);
	buffer_wipe(&json);
	return result;
}

/* ---- profiles ---- */

struct chain {
	const struct aws_config *config;
	struct slice visited[CHAIN_MAX];
	size_t n;
};

static struct slice
property(const struct chain *chain, struct slice profile, const char *name)
{
	return ini_get(&chain->config->ini, INI_PROFILE, profile, (struct slice){NULL, 0}, slice_of(name));
}

static void
add_property(const struct chain *chain, struct slice profile, const char *name, struct buffer *form, const char *field)
{
	struct slice value = property(chain, profile, name);

	if (value.n)
		form_add(form, slice_of(field), value);
}

static int from_profile(struct chain *chain, struct slice profile, struct aws_keys *keys, struct error *error);

static int
profile_fault(struct slice profile, struct error *error, const char *text)
{
	return error_set(error, STATUS_USAGE, "credentials", "profile '%.*s': %s", (int)profile.n, profile.p, text);
}

static int
static_keys(struct chain *chain, struct slice profile, struct aws_keys *keys, struct error *error)
{
	struct slice id = property(chain, profile, "aws_access_key_id");
	struct slice secret = property(chain, profile, "aws_secret_access_key");

	if (!id.n)
		return 0;
	if (!secret.n)
		return profile_fault(profile, error, "aws_access_key_id is set, but aws_secret_access_key is not");
	snprintf(keys->source, sizeof(keys->source), "profile '%.*s'", (int)(profile.n < 100 ? profile.n : 100),
		profile.p);
	if (credentials_set(keys, id, secret, property(chain, profile, "aws_session_token"), AWS_NEVER_EXPIRES, error) <
		0)
		return profile_fault(profile, error, "a key that is empty or has white space in it");
	return 1;
}

static int
named_source(struct chain *chain, struct slice profile, struct slice name, struct aws_keys *keys, struct error *error)
{
	const struct aws_config *c = chain->config;
	int found;

	if (slice_equal(name, SLICE("Environment")))
		found = credentials_from_environment(c, keys, error);
	else if (slice_equal(name, SLICE("EcsContainer")))
		found = credentials_from_container(c, keys, error);
	else if (slice_equal(name, SLICE("Ec2InstanceMetadata")))
		found = credentials_from_instance(c, keys, error);
	else
		return profile_fault(
			profile, error, "credential_source must be Environment, EcsContainer or Ec2InstanceMetadata");
	return found ? found : profile_fault(profile, error, "its credential_source has no keys");
}

static int
source_keys(struct chain *chain, struct slice profile, struct aws_keys *keys, struct error *error)
{
	struct slice source = property(chain, profile, "source_profile");
	struct slice named = property(chain, profile, "credential_source");
	int found;

	if ((source.n != 0) == (named.n != 0))
		return profile_fault(
			profile, error, "role_arn needs exactly one of source_profile and credential_source");
	if (named.n)
		return named_source(chain, profile, named, keys, error);
	if (slice_equal(source, profile)) {
		found = static_keys(chain, profile, keys, error);
		return found ? found : profile_fault(profile, error, "it is its own source_profile without keys");
	}
	for (size_t i = 0; i < chain->n; i++)
		if (slice_equal(chain->visited[i], source))
			return profile_fault(profile, error, "its source_profile leads back to itself");
	if (!ini_has(&chain->config->ini, INI_PROFILE, source))
		return profile_fault(profile, error, "its source_profile does not exist");
	return from_profile(chain, source, keys, error);
}

static int
assume_role(struct chain *chain, struct slice profile, struct slice role, struct aws_keys *keys, struct error *error)
{
	struct aws_keys signer = {0};
	struct buffer form = {0};
	char what[300];
	int result;

	if (property(chain, profile, "mfa_serial").n)
		return profile_fault(profile, error,
			"mfa_serial asks for a code at the keyboard, which is not supported; "
			"export session keys instead (aws sts get-session-token)");
	result = source_keys(chain, profile, &signer, error);
	if (result > 0) {
		credentials_begin_form(
			chain->config, &form, "AssumeRole", role, property(chain, profile, "role_session_name"));
		add_property(chain, profile, "external_id", &form, "ExternalId");
		add_property(chain, profile, "duration_seconds", &form, "DurationSeconds");
		snprintf(what, sizeof(what), "assume the role '%.*s'", (int)(role.n < 200 ? role.n : 200), role.p);
		snprintf(keys->source, sizeof(keys->source), "role '%.*s'", (int)(role.n < 120 ? role.n : 120), role.p);
		result = credentials_ask_sts(chain->config, &form, &signer, what, keys, error);
	}
	aws_keys_free(&signer);
	buffer_free(&form);
	return result;
}

static int
refuse_sso(struct chain *chain, struct slice profile, struct error *error)
{
	static const char *const marks[] = {"sso_session", "sso_start_url", "sso_account_id", "login_session"};

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (property(chain, profile, marks[i]).n)
			return error_set(error, STATUS_USAGE, "credentials",
				"profile '%.*s' signs in by %s, which is not supported; run "
				"eval \"$(aws configure export-credentials --profile %.*s --format env)\" or use it "
				"as credential_process",
				(int)profile.n, profile.p, marks[i][0] == 'l' ? "aws login" : "SSO", (int)profile.n,
				profile.p);
	return 0;
}

static int
from_profile(struct chain *chain, struct slice profile, struct aws_keys *keys, struct error *error)
{
	struct slice role = property(chain, profile, "role_arn");
	struct slice identity = property(chain, profile, "web_identity_token_file");
	struct slice process = property(chain, profile, "credential_process");
	char name[128];
	int found;

	if (chain->n == CHAIN_MAX)
		return profile_fault(profile, error, "the chain of source_profile is too long");
	/* A profile that was reached through another is first asked for its own keys. */
	if (chain->n++ > 0 && (found = static_keys(chain, profile, keys, error)) != 0)
		return found;
	chain->visited[chain->n - 1] = profile;
	if (role.n && identity.n)
		return credentials_by_web_identity(
			chain->config, identity, role, property(chain, profile, "role_session_name"), keys, error);
	if (role.n)
		return assume_role(chain, profile, role, keys, error);
	if ((found = static_keys(chain, profile, keys, error)) != 0)
		return found;
	if (process.n) {
		snprintf(name, sizeof(name), "%.*s", (int)(profile.n < 100 ? profile.n : 100), profile.p);
		return by_process(name, process, keys, error);
	}
	return refuse_sso(chain, profile, error);
}

int
credentials_from_profile(const struct aws_config *c, struct aws_keys *keys, struct error *error)
{
	struct chain chain = {.config = c};
	struct slice profile = slice_of(c->profile);

	if (!ini_has(&c->ini, INI_PROFILE, profile))
		return !c->profile_was_asked_for
			? 0
			: error_set(error, STATUS_USAGE, "credentials",
				  "profile '%s' is neither in '%s' nor in '%s' (see AWS_PROFILE)", c->profile,
				  c->config_file ? c->config_file : "~/.aws/config",
				  c->credentials_file ? c->credentials_file : "~/.aws/credentials");
	return from_profile(&chain, profile, keys, error);
}
