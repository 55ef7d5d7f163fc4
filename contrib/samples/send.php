<?php
// SPDX-License-Identifier: Apache-2.0
// Send one message: php send.php TO TEXT.  POSTHORN_URL and POSTHORN_KEY say where and as whom.
if ($argc !== 3) {
	fwrite(STDERR, "usage: php send.php TO TEXT\n");
	exit(2);
}
$url = getenv('POSTHORN_URL') ?: 'http://127.0.0.1:8775';
$context = stream_context_create(['http' => [
	'method' => 'POST',
	'header' => [
		'Authorization: Bearer ' . getenv('POSTHORN_KEY'),
		'Content-Type: application/json',
		// Keep the key with the order that the message is about: then a repetition does not send twice.
		'Idempotency-Key: ' . bin2hex(random_bytes(16)),
	],
	'content' => json_encode(['to' => $argv[1], 'text' => $argv[2]], JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR),
	'timeout' => 30,
	'ignore_errors' => true, // refusals have a body worth reading
]]);
$answer = file_get_contents("$url/v1/messages", false, $context);
if ($answer === false) {
	fwrite(STDERR, "$url cannot be reached\n");
	exit(3);
}
$message = json_decode($answer, true, 64, JSON_THROW_ON_ERROR);
if (isset($message['error'])) {
	fwrite(STDERR, "refused: {$message['error']['message']}\n");
	exit(1);
}
echo "{$message['id']}: {$message['state']}, {$message['parts']} part(s)\n";
