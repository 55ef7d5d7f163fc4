// SPDX-License-Identifier: Apache-2.0
// smpp_carrier.mjs -- a carrier made of the npm package "smpp": an SMPP stack that shares no line and no author with ours.
//
// It takes every bind and every submit_sm, answers with an id, and sends a receipt.  It speaks SMPP 5.0 with those that
// do.  Standard output is one JSON object a line: what it heard, as its library understood it.  Standard input:
//
//   mo FROM TO TEXT   send an inbound message
//   congestion N      say so from here on (congestion_state)
//   receipts no       none from here on; query_sm tells
import { createInterface } from "node:readline";
import smpp from "smpp";

const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
let nextId = 1;
let receiver = null;
let congestion = {};
let receipts = true;

const stamp = () => new Date().toISOString().replace(/[-:T]/g, "").slice(2, 12);

function receipt(session, pdu, id) {
	const text = `id:${id} sub:001 dlvrd:001 submit date:${stamp()} done date:${stamp()} stat:DELIVRD err:000 text:`;

	session.deliver_sm(
		{
			esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
			source_addr: pdu.destination_addr,
			source_addr_ton: pdu.dest_addr_ton,
			source_addr_npi: pdu.dest_addr_npi,
			destination_addr: pdu.source_addr,
			short_message: text,
			receipted_message_id: id,
			message_state: smpp.MESSAGE_STATE.DELIVERED,
		},
		(resp) => say({ heard: "deliver_sm_resp", status: resp.command_status, receipt: id }),
	);
}

function take(session, pdu) {
	const id = `npm-${nextId++}`;
	const body = pdu.message_payload ?? pdu.short_message;

	say({
		heard: "submit_sm",
		id,
		from: pdu.source_addr,
		to: pdu.destination_addr,
		text: body.message.toString(),
		udh: body.udh ? body.udh.map((e) => Buffer.from(e).toString("hex")) : [],
		esm_class: pdu.esm_class,
		data_coding: pdu.data_coding,
		registered_delivery: pdu.registered_delivery,
		validity_period: pdu.validity_period,
	});
	session.send(pdu.response({ message_id: id, ...congestion }));
	if (receipts && pdu.registered_delivery & 1)
		receipt(session, pdu, id);
}

const server = smpp.createServer({}, (session) => {
	for (const kind of ["bind_transceiver", "bind_transmitter", "bind_receiver"])
		session.on(kind, (pdu) => {
			say({ heard: kind, system_id: pdu.system_id, password: pdu.password, version: pdu.interface_version });
			receiver = session;
			session.send(pdu.response({ system_id: "npm", ...(pdu.interface_version >= 0x50 && { sc_interface_version: 0x50 }) }));
		});
	session.on("submit_sm", (pdu) => take(session, pdu));
	session.on("query_sm", (pdu) => {
		const { message_id, source_addr, source_addr_ton, source_addr_npi } = pdu;

		say({ heard: "query_sm", id: message_id, from: source_addr, ton: source_addr_ton, npi: source_addr_npi });
		session.send(pdu.response({ message_id, final_date: new Date(), message_state: smpp.MESSAGE_STATE.DELIVERED, error_code: 0 }));
	});
	session.on("enquire_link", (pdu) => {
		say({ heard: "enquire_link" });
		session.send(pdu.response());
	});
	session.on("unbind", (pdu) => {
		say({ heard: "unbind" });
		session.send(pdu.response());
		session.close();
	});
	session.on("error", (error) => say({ heard: "error", error: String(error) }));
	session.on("unknown", (pdu) => say({ heard: "unknown", command: pdu.command_id }));
});

createInterface({ input: process.stdin }).on("line", (line) => {
	const [, percent] = /^congestion (\d+)$/.exec(line) ?? [];

	if (percent) {
		congestion = { congestion_state: Number(percent) };
		return;
	}
	if (line === "receipts no") {
		receipts = false;
		return;
	}
	const [, from, to, text] = /^mo (\S+) (\S+) (.*)$/.exec(line);

	receiver.deliver_sm({ source_addr: from, destination_addr: to, short_message: text }, (resp) =>
		say({ heard: "deliver_sm_resp", status: resp.command_status }),
	);
});
server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
process.on("SIGTERM", () => process.exit(0));
