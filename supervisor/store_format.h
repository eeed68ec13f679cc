/* store_format - layout of the identity file; the prose is in FORMAT.md. */
#ifndef SUPERVISOR_STORE_FORMAT_H
#define SUPERVISOR_STORE_FORMAT_H

#define STORE_MAGIC "kvstore\n"
#define STORE_VERSION 1

#define STORE_VERSION_OFFSET 8
#define STORE_ID_OFFSET 16
#define STORE_CHECKSUM_OFFSET 32
#define STORE_BYTES 40

#endif
