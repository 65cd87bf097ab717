/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The broker's plugin interface, and what differs between 2.0 and 2.1. One binary built against the
 * 2.0.11 headers runs in all of them: the event structs have the same layout, and what is newer is
 * known by its number here and asked for at run time.
 */
#ifndef IM_PLUGIN_COMPAT_H
#define IM_PLUGIN_COMPAT_H

#include <stdint.h>

#if defined(__has_include) && __has_include(<mosquitto/broker.h>)
#include <mosquitto/broker.h>
#include <mosquitto/broker_plugin.h>
#define COMPAT_TICK_NEXT_MS next_ms
#else
#include <mosquitto_broker.h>

#include <mosquitto.h>
#include <mosquitto_plugin.h>
#include <mqtt_protocol.h>
#define COMPAT_TICK_NEXT_MS next_ns /* what 2.1 takes for next_ms; 2.0 does not look */
#endif

/* Events that only 2.1 knows; registering them in 2.0 returns MOSQ_ERR_NOT_SUPPORTED. */
#define COMPAT_EVT_CONNECT 11
#define COMPAT_EVT_MESSAGE_OUT 27
#define COMPAT_EVT_CLIENT_OFFLINE 28

/* 2.1 answers an MQTT 5 publish with 0x97 for this; 2.0 closes the connection. */
#define COMPAT_ERR_QUOTA_EXCEEDED (-6)
/* BASIC_AUTH of 2.1: the answer comes later, by mosquitto_complete_basic_auth. */
#define COMPAT_ERR_AUTH_DELAYED (-5)
/* BASIC_AUTH of 2.1: an MQTT 5 client is told so in CONNACK. */
#define COMPAT_ERR_IMPLEMENTATION_SPECIFIC 131
#define COMPAT_ERR_CLIENT_ID_NOT_VALID 133
#define COMPAT_ERR_SERVER_UNAVAILABLE 136
#define COMPAT_ERR_SERVER_BUSY 137

#endif
