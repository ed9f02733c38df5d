/* content_remote - texts at s3:// and dynamodb:// for a command that is not linked with the network.
 *
 * libcurl brings some thirty libraries, which would treble the start-up time of a filter that mostly needs none of
 * them: so `acc-fetch --content URI` reads such a text in a process of its own. It is looked for beside our own file,
 * then in PATH. */
#ifndef ACC_IO_CONTENT_REMOTE_H
#define ACC_IO_CONTENT_REMOTE_H

/* Register both schemes with io/content.h. */
void content_register_remote(void);

#endif
