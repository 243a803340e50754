/* The provenance of a version in JSON (provenance/provenance.h): members of the open object. */
#pragma once

#include "provenance/provenance.h"

void json_provenance(const struct provenance *provenance);
