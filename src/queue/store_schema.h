/* SPDX-License-Identifier: Apache-2.0 */
/* store_schema.h -- by what a database of ours is known. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#define SCHEMA_VERSION        10         /* user_version; see schema.sql */
#define SCHEMA_APPLICATION_ID 0x50485354 /* "PHST", shown by file(1) */

#endif
