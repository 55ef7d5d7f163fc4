// SPDX-License-Identifier: Apache-2.0
// What two programs of others make of texts: one JSON string a line in, one JSON object a line out.
import readline from 'node:readline'
import calculator from 'sms-segments-calculator'
import split from 'split-sms'

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity })

for await (const line of lines) {
	const text = JSON.parse(line)
	const s = split.split(text, { summary: true })
	const perUnit = s.characterSet === split.GSM ? 1 : 2
	const c = new calculator.SegmentedMessage(text)
	const bits = c.encodingName === 'GSM-7' ? 7 : 16
	process.stdout.write(JSON.stringify({
		split: { encoding: perUnit === 1 ? 'gsm7' : 'ucs2', units: s.parts.map(p => p.bytes / perUnit) },
		calculator: {
			encoding: bits === 7 ? 'gsm7' : 'ucs2',
			units: c.segments.map(p => p.messageSizeInBits() / bits),
			graphemes: c.graphemes.filter(g => [...g].length > 1).map(g => g.length),
		},
	}) + '\n')
}
