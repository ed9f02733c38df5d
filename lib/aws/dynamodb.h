/* dynamodb - read the items of lists in one consistent request. Source: DynamoDB API Reference. */
#ifndef ACC_AWS_DYNAMODB_H
#define ACC_AWS_DYNAMODB_H

#include "base/buffer.h"
#include "base/error.h"

/* The text at dynamodb://TABLE or dynamodb://TABLE/ITEM[?key=NAME]: appends to *out the items found, as the service
 * writes them ({"Items":[{"ContentType":{"S":"PriorityList"},"partner_list":{"L":[...]}}]}). TABLE alone asks for the
 * items "PriorityList" and "BlackList". An io/content.h opener: -1 with *error, STATUS_USAGE when table or item is not
 * there. */
int dynamodb_content(const char *uri, struct buffer *out, struct error *error);

#endif
