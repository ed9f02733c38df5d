/* status - how a command ends; the same meaning in every command (acc.7, EXIT STATUS). */
#ifndef ACC_BASE_STATUS_H
#define ACC_BASE_STATUS_H

enum status {
	STATUS_OK = 0,      /* all done */
	STATUS_REFUSED = 1, /* done, but some input was refused; each refusal was reported */
	STATUS_USAGE = 2,   /* wrong usage or configuration; nothing was done */
	STATUS_FAILED = 3,  /* could not finish: I/O, network, access, memory */
};

/* The worse of two: a later good record clears nothing. */
static inline enum status
status_worse(enum status a, enum status b)
{
	return a > b ? a : b;
}

#endif
