#ifndef CRISPYX_CHDF5_SHIM_H
#define CRISPYX_CHDF5_SHIM_H

/*
 * What Swift cannot import from the library: macros that expand to casts or to global variables,
 * functions whose names are macros, and callbacks, which stay in C.
 * Everything here is called on the one thread that owns the library.
 */

#include <hdf5.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers as they lie in memory. The order is that of the Swift enumeration. */
enum {
    CHDF5_INT8 = 0,
    CHDF5_INT16,
    CHDF5_INT32,
    CHDF5_INT64,
    CHDF5_UINT8,
    CHDF5_UINT16,
    CHDF5_UINT32,
    CHDF5_UINT64,
    CHDF5_FLOAT16,
    CHDF5_FLOAT32,
    CHDF5_FLOAT64
};

/* The library has no name for IEEE half precision; made once and kept. */
static inline hid_t chdf5_float16(void) {
    static hid_t type = -1;
    if (type < 0) {
        type = H5Tcopy(H5T_IEEE_F32LE);
        if (type >= 0) {
            H5Tset_fields(type, 15, 10, 5, 0, 10);
            H5Tset_size(type, 2);
            H5Tset_ebias(type, 15);
        }
    }
    return type;
}

/* The caller does not close what this returns. */
static inline hid_t chdf5_number(int kind) {
    switch (kind) {
    case CHDF5_INT8: return H5T_STD_I8LE;
    case CHDF5_INT16: return H5T_STD_I16LE;
    case CHDF5_INT32: return H5T_STD_I32LE;
    case CHDF5_INT64: return H5T_STD_I64LE;
    case CHDF5_UINT8: return H5T_STD_U8LE;
    case CHDF5_UINT16: return H5T_STD_U16LE;
    case CHDF5_UINT32: return H5T_STD_U32LE;
    case CHDF5_UINT64: return H5T_STD_U64LE;
    case CHDF5_FLOAT16: return chdf5_float16();
    case CHDF5_FLOAT32: return H5T_IEEE_F32LE;
    case CHDF5_FLOAT64: return H5T_IEEE_F64LE;
    default: return -1;
    }
}

/* A new variable-length string type; the caller closes it. */
static inline hid_t chdf5_variable_string(bool utf8) {
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0) return type;
    H5Tset_size(type, H5T_VARIABLE);
    if (utf8) H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* A new fixed-length string type of `bytes` bytes; the caller closes it. */
static inline hid_t chdf5_fixed_string(size_t bytes, H5T_str_t padding, bool utf8) {
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type < 0) return type;
    H5Tset_size(type, bytes);
    H5Tset_strpad(type, padding);
    if (utf8) H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* The boolean that h5py and anndata know: an 8-bit enumeration of FALSE and TRUE. */
static inline hid_t chdf5_boolean(void) {
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    signed char value = 0;
    if (type < 0) return type;
    H5Tenum_insert(type, "FALSE", &value);
    value = 1;
    H5Tenum_insert(type, "TRUE", &value);
    return type;
}

static inline hid_t chdf5_file_create_class(void) { return H5P_FILE_CREATE; }
static inline hid_t chdf5_file_access_class(void) { return H5P_FILE_ACCESS; }
static inline hid_t chdf5_group_create_class(void) { return H5P_GROUP_CREATE; }
static inline hid_t chdf5_dataset_create_class(void) { return H5P_DATASET_CREATE; }
static inline hid_t chdf5_dataset_access_class(void) { return H5P_DATASET_ACCESS; }

static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned chdf5_truncate(void) { return H5F_ACC_TRUNC; }
static inline unsigned chdf5_exclusive(void) { return H5F_ACC_EXCL; }
static inline unsigned chdf5_all_objects(void) { return H5F_OBJ_ALL | H5F_OBJ_LOCAL; }
static inline hsize_t chdf5_unlimited(void) { return H5S_UNLIMITED; }
static inline haddr_t chdf5_no_address(void) { return HADDR_UNDEF; }
static inline hid_t chdf5_all(void) { return H5S_ALL; }
static inline hid_t chdf5_default(void) { return H5P_DEFAULT; }

/* Reads without taking the file's lock; -1 when this library cannot. */
static inline herr_t chdf5_without_locking(hid_t access) {
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERSION_GE(1, 12, 0) && !H5_VERSION_GE(1, 12, 1))
    return H5Pset_file_locking(access, false, true);
#else
    (void)access;
    return -1;
#endif
}

/* Stops the library from printing errors of the calling thread. */
static inline void chdf5_silence(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

struct chdf5_message {
    char *text;
    size_t capacity;
    size_t length;
    int parts;
};

static inline herr_t chdf5_collect_error(unsigned depth, const H5E_error2_t *error, void *context) {
    struct chdf5_message *message = (struct chdf5_message *)context;
    const char *part = error->desc;
    (void)depth;
    if (!part || !*part || message->parts >= 3) return 0;
    if (strstr(message->text, part)) return 0;
    int written = snprintf(message->text + message->length, message->capacity - message->length,
                           "%s%s", message->parts ? "; " : "", part);
    if (written > 0) {
        message->length += (size_t)written;
        if (message->length >= message->capacity) message->length = message->capacity - 1;
    }
    message->parts++;
    return 0;
}

/* Copies the innermost messages of the calling thread's error stack into `text` and clears it. */
static inline void chdf5_take_error(char *text, size_t capacity) {
    struct chdf5_message message = {text, capacity, 0, 0};
    text[0] = 0;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, chdf5_collect_error, &message);
    H5Eclear2(H5E_DEFAULT);
}

struct chdf5_names {
    char *bytes;
    size_t length;
    size_t capacity;
};

static inline herr_t chdf5_add_name(struct chdf5_names *names, const char *name) {
    size_t size = strlen(name) + 1;
    if (names->length + size > names->capacity) {
        size_t capacity = (names->length + size) * 2 + 256;
        char *grown = (char *)realloc(names->bytes, capacity);
        if (!grown) return -1;
        names->bytes = grown;
        names->capacity = capacity;
    }
    memcpy(names->bytes + names->length, name, size);
    names->length += size;
    return 0;
}

static inline herr_t chdf5_visit_link(hid_t group, const char *name, const H5L_info_t *info,
                                      void *context) {
    (void)group;
    (void)info;
    return chdf5_add_name((struct chdf5_names *)context, name);
}

/* Names of a group's links in name order, each ended by a zero byte; the caller frees `names`. */
static inline herr_t chdf5_link_names(hid_t group, char **names, size_t *length) {
    struct chdf5_names found = {NULL, 0, 0};
    herr_t status = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, chdf5_visit_link, &found);
    *names = found.bytes;
    *length = found.length;
    return status;
}

static inline herr_t chdf5_visit_attribute(hid_t object, const char *name, const H5A_info_t *info,
                                           void *context) {
    (void)object;
    (void)info;
    return chdf5_add_name((struct chdf5_names *)context, name);
}

/* Names of an object's attributes, each ended by a zero byte; the caller frees `names`. */
static inline herr_t chdf5_attribute_names(hid_t object, char **names, size_t *length) {
    struct chdf5_names found = {NULL, 0, 0};
    herr_t status =
        H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, chdf5_visit_attribute, &found);
    *names = found.bytes;
    *length = found.length;
    return status;
}

enum { CHDF5_NO_LINK = 0, CHDF5_HARD_LINK, CHDF5_SOFT_LINK, CHDF5_EXTERNAL_LINK, CHDF5_OTHER_LINK };

static inline int chdf5_link_kind(hid_t group, const char *name) {
    H5L_info_t info;
    if (H5Lexists(group, name, H5P_DEFAULT) <= 0) return CHDF5_NO_LINK;
    if (H5Lget_info(group, name, &info, H5P_DEFAULT) < 0) return CHDF5_NO_LINK;
    switch (info.type) {
    case H5L_TYPE_HARD: return CHDF5_HARD_LINK;
    case H5L_TYPE_SOFT: return CHDF5_SOFT_LINK;
    case H5L_TYPE_EXTERNAL: return CHDF5_EXTERNAL_LINK;
    default: return CHDF5_OTHER_LINK;
    }
}

/* Opens the object that an object reference stored in `bytes` points to. */
static inline hid_t chdf5_open_reference(hid_t object, const void *bytes) {
    return H5Rdereference2(object, H5P_DEFAULT, H5R_OBJECT, bytes);
}

static inline size_t chdf5_reference_size(void) { return sizeof(hobj_ref_t); }
static inline hid_t chdf5_object_reference(void) { return H5T_STD_REF_OBJ; }

#endif
