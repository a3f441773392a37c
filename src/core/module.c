/*
 * module.c: the door of the shared library.
 */
#include "core/compat.h"

SALESOPS_MODULE_MAGIC;
