// SPDX-License-Identifier: BSD-3-Clause
// MQTT.js as a page in a browser would use it: chat.js URL CA USER PASSWORD PEER TEXT. Writes to the peer,
// and prints what comes into the own inbox, a line each; ends when TEXT has come back from the peer.
"use strict";
const fs = require("fs");
const mqtt = require("mqtt");

const [url, ca, user, password, peer, text] = process.argv.slice(2);
const client = mqtt.connect(url, {
	ca: fs.readFileSync(ca),
	username: user,
	password: password,
	clientId: user + "-browser",
	protocolVersion: 5,
	reconnectPeriod: 0,
});

client.on("error", (error) => {
	console.log("error " + error.message);
	process.exit(1);
});
client.on("close", () => process.exit(2));
client.on("connect", () => {
	client.subscribe("im/inbox/" + user + "/#", { qos: 1 }, (error, granted) => {
		if (error || granted[0].qos > 2) process.exit(3);
		client.publish("im/u/" + peer, JSON.stringify({ id: "browser-1", body: text }), { qos: 1 });
	});
});
client.on("message", (topic, payload) => {
	console.log(topic + " " + payload.toString());
	if (topic === "im/inbox/" + user + "/u/" + peer && JSON.parse(payload).body === "back: " + text) {
		// It has what it came for: whoever closes first may cut the other off.
		client.removeAllListeners("close");
		client.removeAllListeners("error");
		client.on("error", () => process.exit(0));
		client.end(false, () => process.exit(0));
	}
});
