#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Send one message: node send.js TO TEXT (Node.js 18 or later, no packages).
// POSTHORN_URL and POSTHORN_KEY say where and as whom.
'use strict';
const { randomUUID } = require('node:crypto');

async function send(to, text) {
	const url = process.env.POSTHORN_URL || 'http://127.0.0.1:8775';
	const answer = await fetch(`${url}/v1/messages`, {
		method: 'POST',
		headers: {
			'Authorization': `Bearer ${process.env.POSTHORN_KEY}`,
			'Content-Type': 'application/json',
			// Keep the key with the order that the message is about: then a repetition does not send twice.
			'Idempotency-Key': randomUUID(),
		},
		body: JSON.stringify({ to, text }),
		signal: AbortSignal.timeout(30000),
	});
	const body = await answer.json();
	if (!answer.ok)
		throw new Error(`refused: ${body.error.message}`);
	return body;
}

if (process.argv.length !== 4) {
	console.error('usage: node send.js TO TEXT');
	process.exit(2);
}
send(process.argv[2], process.argv[3]).then(
	(m) => console.log(`${m.id}: ${m.state}, ${m.parts} part(s)`),
	(e) => { console.error(e.message); process.exit(1); });
