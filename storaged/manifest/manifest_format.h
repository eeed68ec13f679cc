/*
 * manifest_format - constants of the manifest file, for its writer and its
 * reader; the prose is in storaged/FORMAT.md, "Manifest".
 */
#ifndef STORAGED_MANIFEST_MANIFEST_FORMAT_H
#define STORAGED_MANIFEST_MANIFEST_FORMAT_H

#define MANIFEST_MAGIC 0x314e414d5653564bu /* "KVSVMAN1" in file order */
#define MANIFEST_FORMAT_VERSION 1
#define MANIFEST_HEADER_BYTES 64
#define MANIFEST_RECORD_HEADER_BYTES 16
#define MANIFEST_RECORD_BYTES_MAX (512u << 20)
#define MANIFEST_FILE_BYTES_MAX (2u << 30)
#define MANIFEST_STORE_ID_BYTES 16

/* Fields of an edit, each led by its tag. */
enum edit_tag {
	EDIT_ADD_TABLE = 1,
	EDIT_REMOVE_TABLE = 2,
	EDIT_RECOVERY = 3,
	EDIT_NUMBER_CEILING = 4,
};

#endif
