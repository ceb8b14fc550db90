/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names - the XML namespaces of the documents this folder reads and writes.
 */
#ifndef QUARTET_XML_NAMES_H
#define QUARTET_XML_NAMES_H

#define XML_NS           "http://www.w3.org/XML/1998/namespace"
#define XSD_NS           "http://www.w3.org/2001/XMLSchema"
#define XSI_NS           "http://www.w3.org/2001/XMLSchema-instance"
#define XLINK_NS         "http://www.w3.org/1999/xlink"
#define VOSPACE_NS       "http://www.ivoa.net/xml/VOSpace/v2.0" /* of 2.0 and 2.1 */
#define UWS_NS           "http://www.ivoa.net/xml/UWS/v1.0" /* of 1.0 and 1.1 */
#define VOSI_CAPS_NS     "http://www.ivoa.net/xml/VOSICapabilities/v1.0"
#define VOSI_AVAIL_NS    "http://www.ivoa.net/xml/VOSIAvailability/v1.0"
#define VODATASERVICE_NS "http://www.ivoa.net/xml/VODataService/v1.1"

#endif
