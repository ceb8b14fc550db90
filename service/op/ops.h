/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops - the operations there are, one file each; route.def says which request is whose.
 */
#ifndef QUARTET_OP_OPS_H
#define QUARTET_OP_OPS_H

#include "service/op/op.h"

extern const struct op op_admin_gc;
extern const struct op op_admin_location;
extern const struct op op_admin_group_change;
extern const struct op op_admin_group_get;
extern const struct op op_admin_hand_over;
extern const struct op op_admin_health;
extern const struct op op_admin_mode;
extern const struct op op_admin_quota;
extern const struct op op_admin_repair;
extern const struct op op_admin_scrub;
extern const struct op op_admin_user_change;
extern const struct op op_admin_user_get;
extern const struct op op_admin_verify;
extern const struct op op_async_delete;
extern const struct op op_async_hand_over;
extern const struct op op_async_setprops;
extern const struct op op_availability;
extern const struct op op_capabilities;
extern const struct op op_certificate;
extern const struct op op_cred_capabilities;
extern const struct op op_account;
extern const struct op op_forgot;
extern const struct op op_links;
extern const struct op op_login;
extern const struct op op_openid_begin;
extern const struct op op_openid_callback;
extern const struct op op_page;
extern const struct op op_public_health;
extern const struct op op_register;
extern const struct op op_renew;
extern const struct op op_session;
extern const struct op op_share_open; /* below a link only */
extern const struct op op_tokens;
extern const struct op op_ui;
extern const struct op op_file_get;
extern const struct op op_gms_capabilities;
extern const struct op op_gms_change;
extern const struct op op_gms_get;
extern const struct op op_gms_search;
extern const struct op op_metrics;
extern const struct op op_file_put;
extern const struct op op_unpack; /* what op_file_put is for a container */
extern const struct op op_node_create;
extern const struct op op_node_delete;
extern const struct op op_node_get;
extern const struct op op_node_set;
extern const struct op op_registry;
extern const struct op op_file_post;
extern const struct op op_package;
extern const struct op op_properties;
extern const struct op op_protocols;
extern const struct op op_views;
extern const struct op op_transfer_details;
extern const struct op op_transfer_sync;
extern const struct op op_transfers;

#endif
