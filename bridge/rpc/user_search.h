/* SPDX-License-Identifier: BSD-3-Clause */
/* What user.search finds, and how far one request of it looks: for the option, the price and the
 * method alike. */
#ifndef IM_BRIDGE_USER_SEARCH_H
#define IM_BRIDGE_USER_SEARCH_H

/* The option user_search, in the order of its choices. */
enum user_search { USER_SEARCH_OFF, USER_SEARCH_UID, USER_SEARCH_NICK };
#define USER_SEARCH_CHOICES "off|uid|nick"

static inline const char *user_search_name(enum user_search s)
{
	return s == USER_SEARCH_NICK ? "nick" : s == USER_SEARCH_UID ? "uid" : "off";
}

/* Contacts and members that a page looks at, for each user that `limit` lets it show: a group of
 * 10,000 is looked through by one request, or by two with the default. */
#define USER_SEARCH_PEOPLE 100
#define USER_SEARCH_MAX 100 /* of `limit` */

#endif
