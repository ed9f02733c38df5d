/* schemes - S3 and DynamoDB for commands that want them: each registers what it is about to use, before anything else.
 * Nothing is read or asked until an address of the scheme is used. */
#ifndef ACC_AWS_SCHEMES_H
#define ACC_AWS_SCHEMES_H

void aws_register_objects(void); /* s3:// for io/object.h */
void aws_register_store(void);   /* s3:// for io/store.h */
void aws_register_content(void); /* s3:// and dynamodb:// for io/content.h */

#endif
