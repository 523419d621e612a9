/*
 * The service manager's protocol, sd_notify(3): datagrams to NOTIFY_SOCKET.  Without that
 * variable every call does nothing.  Sending never blocks and never fails loudly: a
 * manager that does not listen must not stop a server.
 */
#ifndef SN_NET_NOTIFY_H
#define SN_NET_NOTIFY_H

#include <stdint.h>

/* Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and take them out of the environment. */
void sn_notify_init(void);
void sn_notify(const char *text);       /* "READY=1", "STOPPING=1", "WATCHDOG=1\nSTATUS=..." */
void sn_notify_reloading(void);         /* RELOADING=1 with the clock it wants; READY=1 ends it */
uint64_t sn_notify_watchdog(void);      /* nanoseconds between pings, 0: none wanted */

#endif
