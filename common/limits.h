/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bounds that several modules or operators need to know, with their reasons; every other one
 * stands beside the queue, cache or list that it is of. What happens at a bound is said by the
 * module that enforces it.
 */
#ifndef IM_COMMON_LIMITS_H
#define IM_COMMON_LIMITS_H

/* Names. 64 bytes hold every e-mail-like id. */
#define IM_UID_MAX 64
/* A client id: what clouds and test suites make of a serial number, a version and a signature. In a
 * topic each of its bytes may take three. */
#define IM_DEVICE_MAX 128
#define IM_DEVICE_TOPIC_MAX (3 * IM_DEVICE_MAX)
#define IM_GID_MAX 64
#define IM_MSGID_MAX 64
#define IM_TYPE_MAX 32   /* a message's type name */
#define IM_METHOD_MAX 32 /* an RPC method's name */
#define IM_NICK_MAX 128  /* bytes of a nickname */
#define IM_PREFIX_MAX 32 /* the configurable first topic level(s) */
#define IM_CONV_MAX (2 + IM_UID_MAX)
/* Longest topic or filter of IM; a longer one under the prefix names nothing. Others are as long as
 * MQTT lets them be. */
#define IM_TOPIC_MAX 1024
/* Subscriptions. The broker keeps a node of its tree for each level of a filter, and a table of the
 * levels below it: up to 650 bytes for two bytes of `/+`. Topics of people have less levels than
 * these; a session that has some twenty filters has a hundred in all. */
#define IM_FILTER_LEVELS_MAX 16
#define IM_INBOX_LEVELS_MAX 4             /* below an inbox: a topic that answers are asked for */
#define IM_INBOX_BYTES_MAX 256            /* of it, but for rpc/{device} */
#define IM_FILTER_BYTES_MAX (256u * 1024) /* all filters of a session together */
#define IM_SUBSCRIPTIONS_MAX 10000        /* the highest limit of one session, of either kind */
#define IM_LEVELS_PER_DEVICE 512 /* of all sessions of a user, for each device that may connect */
/* A filter is held twice, once in the tree and once by the session: so many bytes of it take as
 * much as a level does, and count as one. */
#define IM_FILTER_BYTES_PER_LEVEL 256

/* An acl_file: rules for every device of a large fleet by name, which is what generated files hold.
 * Its text and what is made of it stay in the broker's memory, 40 bytes for each level that rules
 * do not share. */
#define IM_ACL_BYTES_MAX (16u * 1024 * 1024)
#define IM_ACL_RULES_MAX 100000
#define IM_ACL_NODES_MAX 1000000
#define IM_ACL_LEVELS_MAX 32 /* of one rule; a topic may have more, below # */
/* Places in the rules of one user, one role or the patterns that a single topic can lead to: each
 * `+` beside names, and each level with %u or %c, adds some. Some 20 microseconds of the broker. */
#define IM_ACL_VISITS_MAX 1000

#define IM_KEPT_SESSIONS_MAX 1000  /* the highest limit of one user's sessions that are away */
#define IM_DEVICE_DAYS 14          /* device_days, while the bridge has not said what it is */
#define IM_DEVICES_LIMIT_MAX 10000 /* the highest limit of one user's connected devices */
/* The highest limit of one device account's devices, connected ones and those that are away: a
 * delivery to all of them is half a second of the broker. */
#define IM_ACCOUNT_DEVICES_MAX 100000

/* Levels of all sessions of a device account, for each device that it may have: its three filters
 * in its inbox have 15, and some 17 are left for ordinary topics. 206 MB of the broker for 10,000.
 */
#define IM_LEVELS_PER_THING 32

/* Devices whose buckets are remembered beyond their sessions: they are full after some seconds, in
 * which few more than this connect. */
#define IM_SPENT_MAX 10000

/* Payloads. 64 KiB is the default of `max_payload`; the hard bound keeps a frame below the
 * 2,000,000 bytes that Mosquitto 2.1 accepts in one packet by default, base64 included. */
#define IM_PAYLOAD_DEFAULT (64 * 1024)
#define IM_PAYLOAD_HARD_MAX (1024 * 1024)
#define IM_CORRELATION_MAX 256   /* MQTT 5 correlation data that is carried back */
#define IM_REPLY_MAX (63 * 1024) /* an RPC reply; longer answers are paged */
#define IM_JSON_DEPTH_MAX 64     /* nesting; deeper text is not taken as JSON */
#define IM_MENTIONS_MAX 100      /* uids in `mentions` */
#define IM_EDITS_MAX 100         /* of one message: what a recall or an erasure goes through */
#define IM_TTL_MAX_S 31536000    /* seconds that a message may live: a year */

/* MQTT 5 properties of a message, each of which every recipient's copy carries. A media type with
 * its parameters is shorter than this; user properties are for what a header is for, and what is
 * longer belongs into the body. */
#define IM_CONTENT_TYPE_MAX 256
#define IM_PROPS_MAX 16
#define IM_PROPS_BYTES_MAX 2048 /* names and values together */

/* The link. */
/* Records of one up batch, unless a single one is larger. */
#define IM_BATCH_BYTES_MAX (256 * 1024)
#define IM_BATCH_RECORDS_MAX 4096
#define IM_DOWN_BYTES_SOFT (60 * 1024)   /* a down frame is closed at this size */
#define IM_FRAME_BYTES_MAX (1900 * 1024) /* never above the broker's packet limit */
/* A message in its JSON form: with its recipients, or within a reply, it must fit a frame. Only
 * text of control characters, which grow sixfold, comes near with `max_payload` raised. */
#define IM_MESSAGE_BYTES_MAX (IM_FRAME_BYTES_MAX - 128 * 1024)
/* Deliveries to a group that a frame holds: about a millisecond of the broker. A record holds what
 * a frame does while direct messages pass, which may have to wait for it. */
#define IM_DELIVERIES_PER_FRAME 64
#define IM_DELIVERIES_PER_RECORD 16
/* Recipients of one record, if its payload is larger than this: it crosses the link once for each
 * record. */
#define IM_RECIPIENTS_PER_RECORD 256
#define IM_LARGE_PAYLOAD (4 * 1024)

/* Tokens. One that ends later than this is refused: it could be taken back with its key only. */
#define IM_TOKEN_TTL_MAX_S (INT64_C(3653) * 86400)

/* Hashes that are brought along, with which logins are compared until they are made anew, on the
 * broker's only thread in 2.0: about eight times what a password takes by default. PBKDF2 has 101
 * or 1,000 iterations by mosquitto_passwd's default, and 210,000 are advised. Argon2id goes through
 * its memory (KiB) as often as it has passes: OWASP's sets, RFC 9106's second one and the defaults
 * of PHP, argon2-cffi and libsodium's "interactive" are below. Salts of mosquitto_passwd have 12 or
 * 64 bytes; below 8 two users may have the same one. */
#define IM_PBKDF2_ITERATIONS_MAX 210000
#define IM_PWHASH_KIB_MAX 320000
#define IM_PWHASH_SALT_MIN 8
#define IM_PWHASH_SALT_MAX 64

/* `imctl user import`: users of one file, whose names imctl holds, 120 MB; bytes that come by a
 * pipe and are copied to memory; and users of one command to the node, a few milliseconds of its
 * transaction. */
#define IM_IMPORT_USERS_MAX 1000000
#define IM_IMPORT_BYTES_MAX (256 * 1024 * 1024)
#define IM_IMPORT_BATCH 200

/* Commands of administrators in one payload: some hash a password or write to many members, and the
 * engine waits for all of them. */
#define IM_CONTROL_COMMANDS_MAX 100

/* What a client may always ask for, whatever the operator's max_keepalive: imctl does. */
#define IM_KEEPALIVE_LEAST_S 10

/* The spool. */
#define IM_SPOOL_BYTES_DEFAULT (64u * 1024 * 1024)
#define IM_SPOOL_BYTES_MIN (1u * 1024 * 1024)
#define IM_SPOOL_BYTES_MAX (1u << 30)

/* Pages. A reply must fit IM_REPLY_MAX; these bound the rows looked at. */
#define IM_PAGE_DEFAULT 50
#define IM_PAGE_MAX 500
/* Users or groups of one user.get or group.get: a screen of them, or two. */
#define IM_NAMED_MAX 100

/* Devices whose cursors wait to be written, for a tenth of a second: 300 bytes each, and at most
 * one batch more. */
#define IM_CURSORS_WAITING 4096

/* Conversations whose unread messages are added up: what is behind the newest thousand nobody looks
 * at, and who opens an app waits for the sum. */
#define IM_TOTAL_CONVS 1000

/* Reading requests in one array: what a client that opens asks for at once. Each is counted and
 * paid by itself, so they save it answers, not the node work. */
#define IM_REQUESTS_MAX 50

/* Reading requests. A client that opens asks about a screen of conversations at once; who asks for
 * more than that waits for his own answers. Greetings: devices of one user that come back together;
 * beyond, they are told that they are behind. */
#define IM_READS_WAITING 32
#define IM_GREETINGS_WAITING 1000
/* Milliseconds that one may have a thread; and a search, before it goes to the back of its user's
 * queue once: most take a tenth of that, and the few that do not hold up nobody. */
#define IM_READ_MS 250
#define IM_SEARCH_FIRST_MS 25
/* What `busy` says when to come again: a queue is shorter in a moment, a request that takes too
 * long will take as long until there is less to do. */
#define IM_RETRY_QUEUE_MS 1000
#define IM_RETRY_LONG_MS 5000

/* Contacts and open requests of one user: a list that a client can still hold and sync. */
#define IM_CONTACTS_MAX 10000

/* A changed profile: who hears of it, so many; and how often in an hour. */
#define IM_PROFILE_TOLD_MAX 1000
#define IM_PROFILE_TOLD_PER_HOUR 4

/* Reports of messages. What an administrator can go through; a body's beginning is enough to judge.
 */
#define IM_REPORTS_OPEN_MAX 10000   /* of all users; more are refused */
#define IM_REPORTS_CLOSED_MAX 10000 /* the newest are kept */
#define IM_REPORTS_PER_HOUR 20      /* of one user */
#define IM_REPORT_BODY_MAX (16 * 1024)
#define IM_REPORT_TEXT_MAX 1024 /* reason, and the administrator's note */

/* Messages that one transaction of an erasure changes, and that then leave the search index at
 * once: some milliseconds each. */
#define IM_ERASE_STRETCH 200

/* The audit log: years of an ordinary node, 30 MB. */
#define IM_AUDIT_MAX 100000

/* Announcements: what an operator looks back on; how many may be under way or put together, one
 * after the other; how long one is, so that it fits the command that brings it, and quickly sent it
 * may be at most: thousands of transactions' worth of others would wait. */
#define IM_ANNOUNCEMENTS_KEPT 100
#define IM_ANNOUNCEMENTS_OPEN_MAX 10
#define IM_ANNOUNCE_BYTES_MAX (32 * 1024)
#define IM_ANNOUNCE_RATE_MAX 5000 /* messages a second */
#define IM_ANNOUNCE_RATE_DEFAULT 200

/* Erasures that wait for the one in hand; each looks through the whole log. */
#define IM_ERASURES_OPEN_MAX 1000

/* Conversations in which a user begins to keep a pin or a draft before there is a message, within a
 * day: as many people as somebody means to write to. Each takes room in both databases for good. */
#define IM_CONVS_AHEAD_PER_DAY 100

/* Groups. */
#define IM_GROUP_MEMBERS_MAX 100000
#define IM_INVITE_MAX 1000 /* uids in one group.create or group.invite */
#define IM_BANS_MAX 10000  /* of one group: what those who run it can still look through */

/* Links into a group: as many as its admins can look through, with an end in time and in people, so
 * that one which is forgotten, or has come into wrong hands, does not stay open. */
#define IM_LINKS_MAX 100 /* of one group */
#define IM_LINK_USES_DEFAULT 100
#define IM_LINK_USES_MAX IM_GROUP_MEMBERS_MAX
#define IM_LINK_SECONDS_DEFAULT (7 * 86400)
#define IM_LINK_SECONDS_MAX 31536000 /* a year */

/* Pinned messages of one conversation: what its people still look through. */
#define IM_PINS_MAX 100

/* How often somebody may come into one group within a day, by whatever road, before he needs those
 * who run it: whoever has left in anger, by mistake or by a wrong touch is back, and nobody writes
 * into a conversation by coming and going. */
#define IM_COMINGS_PER_DAY 5

/* How often one user may ask another to become a contact, or to join a group, within a day: who has
 * overlooked it may be asked again, and nobody is pestered. */
#define IM_REQUESTS_TO_ONE 3

/* Messages of one msg.forward, and their bytes together: what one request may write. */
#define IM_FORWARD_MAX 100
#define IM_FORWARD_BYTES_MAX (4 * 1024 * 1024)

/* The bridge's caches: what is read again from a database when it is not there, but for the buckets
 * of costs and ceilings, of which the oldest are forgiven. */
#define IM_CACHED_USERS (64 * 1024)   /* who may send, about 100 bytes each */
#define IM_CACHED_GROUPS (16 * 1024)  /* groups that are written to, likewise */
#define IM_CACHED_RIGHTS (128 * 1024) /* blocks and memberships, 48 bytes each */
#define IM_CACHED_PACED (16 * 1024)   /* last messages in groups in slow mode, 24 bytes each */
#define IM_CACHED_COSTS (16 * 1024)   /* users who lately asked for much, 24 bytes each */
#define IM_CACHED_CEILINGS (4 * 1024) /* rooms lately written to, twice 24 bytes each */
#define IM_CACHED_NAMES (64 * 1024)   /* of users and groups, 80 bytes each; for each thread */
#define IM_CACHED_HOMES (128 * 1024)  /* where users may be, 88 bytes each: with several brokers */
/* The plugin's of what the broker was given to retain, 16 bytes each: users of whose presence
 * subscribers are told nothing twice. */
#define IM_CACHED_RETAINED (256 * 1024)
/* Members of all cached groups together: six groups of the largest size, or 60,000 of ten. About
 * 20 MB with short names. */
#define IM_CACHED_MEMBERS 600000

/* Plugins of one bridge: each has its own queue and window there, and marks in the log. */
#define IM_PEERS_MAX 8
/* All of them: bit n for the one of number n. */
#define IM_PEERS_ALL ((UINT32_C(1) << IM_PEERS_MAX) - 1)
/* Frames that wait for a transaction to end: full windows of all plugins. */
#define IM_FRAMES_WAITING_BYTES ((size_t)IM_PEERS_MAX * IM_WINDOW_MAX * IM_BATCH_BYTES_MAX)

/* The plugin. Cache entries take about 200 bytes each; a full set stays below 250 MB. */
#define IM_WINDOW_MAX 16      /* batches under way; more only delays the first commit */
#define IM_CACHE_USERS 200000 /* senders and recipients seen lately */
#define IM_CACHE_ABSENT 20000 /* names that do not exist: a flood of them stays small */
#define IM_CACHE_GROUPS 50000
#define IM_CACHE_ADDRESSES 10000 /* clients that gave a wrong password lately */
#define IM_CACHE_MEMBERS 500000
#define IM_CACHE_DEVICES 200000   /* client ids of sessions that are away */
#define IM_CACHE_IDENTITIES 20000 /* clients let in by TLS that have no session */
/* Logins that wait for their password's hash: some 15 seconds of one thread. Later answers find
 * nobody.
 */
#define IM_LOGINS_WAITING 1000
#define IM_LOGINS_LOCAL 16             /* of administrators on this machine, beyond */
#define IM_LOGINS_PROXY_PERCENT 90     /* of them by proxies: some room for who comes by none */
#define IM_CACHE_RELATIONS 500000      /* (recipient, sender) pairs: blocks and contacts */
#define IM_PENDING_USERS 10000         /* users by token that the bridge has not written yet */
#define IM_PENDING_DEVICES 100000      /* client ids bound and not written yet */
#define IM_PENDING_DEVICES_USER 10000  /* of one user: as many as may be connected */
#define IM_OFFLINE_SESSIONS 100000     /* sessions remembered after their connection ended */
#define IM_PENDING_WILLS (1024 * 1024) /* bytes of wills at the end of the broker */
#define IM_REFUSALS_PER_SECOND 200     /* for each user; what is refused beyond is only counted */

/* What lives for a moment. */
#define IM_SIGNAL_MEMBERS_MAX 1000   /* a signal to a group fans out member by member */
#define IM_SIGNAL_AGE_MS (60 * 1000) /* a signal found in the spool after this is noise */
/* Devices connected at one time, as far as presence knows them; the broker's own limit is lower. */
#define IM_PRESENCE_DEVICES_MAX 2000000
/* A transaction that has planned so many bytes of deliveries is committed before the batch's end: a
 * batch to groups of 10,000 would otherwise be held in memory as a whole. */
#define IM_EFFECTS_BYTES_MAX (8 * 1024 * 1024)

#endif
