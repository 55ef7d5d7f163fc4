#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 14 s, calm
"""0800: a text is changed only as it was asked for; the answer says how, and the carrier gets exactly that."""
from harness import *

X150 = "x" * 150


def ground(w, link=None, **named):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, **(link or {}))], **named)
    gw.wait_link()
    return sim, gw, gw.api()


def sent(sim, api, answer, n=1):
    """The texts of the parts as the carrier got them, and their data_coding."""
    api.wait_state(answer["id"], "delivered")
    submits = sim.submits()[-n:]
    texts = []
    for s in submits:
        header = s["text"][0] + 1 if s["esm_class"] & 0x40 else 0
        octets = s["text"][header:]
        texts.append(octets.decode("utf-16-be") if s["data_coding"] == 8 else octets.decode("ascii"))
    return texts, submits[-1]["data_coding"]


@case("curly quotes cost a second and third part; with smart the carrier gets plain ones in one")
def _(w):
    sim, gw, api = ground(w)
    text = "“" + X150 + "”"
    plain = api.send(text=text)
    equal((plain["parts"], plain["encoding"]), (3, "ucs2"), "as it is")
    check("changed" not in plain, plain)
    equal("".join(sent(sim, api, plain, 3)[0]), text, "octets as they are")
    answer = api.send(text=text, smart=True)
    equal((answer["parts"], answer["encoding"]), (1, "gsm7"), "smart")
    equal(answer["changed"], {
        "by": ["smart"], "parts_before": 3, "text": '"' + X150 + '"', "n_changes": 2,
        "changes": [{"position": 0, "char": "“", "codepoint": "U+201C", "with": '"'},
                    {"position": 151, "char": "”", "codepoint": "U+201D", "with": '"'}]}, "changed")
    # 3GPP TS 23.038, 6.2.1: the quotation mark is 0x22, as in ASCII.
    equal(sent(sim, api, answer), (['"' + X150 + '"'], 0), "submit_sm")
    equal(api.message(answer["id"])["text"], '"' + X150 + '"', "stored")


@case("smart does nothing for nothing: one part stays as it is, and so does what stays UCS-2")
def _(w):
    sim, gw, api = ground(w)
    for text in ("“Hi”", "«Привет»…" + "я" * 100, "\u200b"):
        answer = api.send(text=text, smart=True)
        check("changed" not in answer, answer)
        equal("".join(sent(sim, api, answer, answer["parts"])[0]), text, "submit_sm")


@case("transliteration is done by name, never by default")
def _(w):
    sim, gw, api = ground(w)
    for name, text, latin in (("ru-Latn", "Привет, как дела?", "Privet, kak dela?"), ("uk-Latn", "Київ", "Kyiv"),
                              ("el-Latn", "Καλημέρα", "Kalimera"), ("ascii", "Łódź", "Lodz")):
        equal(sent(sim, api, api.send(text=text)), ([text], 8), "without")
        answer = api.send(text=text, translit=name)
        equal(answer["changed"], {"by": ["translit"], "parts_before": 1, "text": latin}, "changed")
        equal(sent(sim, api, answer), ([latin], 0), "with")


@case("an unknown name is refused with the names that there are")
def _(w):
    sim, gw, api = ground(w)
    answer = api.post("/v1/messages", {"to": "+12025550142", "text": "да", "translit": "russian"})
    answer.expect(400, "invalid_translit")
    check("ru-Latn" in answer.json["error"]["message"] and "Latn-ASCII" in answer.json["error"]["message"], answer)


@case("settings of the client hold for all its messages, and a message may say otherwise")
def _(w):
    sim, gw, api = ground(w, client={"smart": True, "nfc": True})
    answer = api.send(text="“" + X150)
    equal(answer["changed"]["by"], ["smart"], "by")
    answer = api.send(text="мои\u0306")
    equal(answer["changed"], {"by": ["nfc"], "parts_before": 1, "text": "мой"}, "composed")
    equal(sent(sim, api, answer), (["мой"], 8), "submit_sm")
    check("changed" not in api.send(text="мои\u0306“" + X150, smart=False, nfc=False), "as it was")


@case("encoding gsm7: the changed text counts")
def _(w):
    sim, gw, api = ground(w)
    refused = api.post("/v1/messages", {"to": "+12025550142", "text": "“да”", "encoding": "gsm7", "smart": True})
    refused.expect(422, "not_gsm7")
    answer = api.send(text="“да”", encoding="gsm7", translit="ru-Latn")
    equal(sent(sim, api, answer), (['"da"'], 0), "submit_sm")
    answer = api.send(text="“Hi”", encoding="gsm7", smart=True)
    equal(sent(sim, api, answer), (['"Hi"'], 0), "submit_sm")


@case("octets are never touched")
def _(w):
    sim, gw, api = ground(w, client={"smart": True, "nfc": True})
    octets = "“и\u0306".encode()
    answer = api.post("/v1/messages", {"to": "+12025550142", "data": octets.hex()}).expect(202).json
    check("changed" not in answer, answer)
    api.wait_state(answer["id"], "delivered")
    equal(sim.submits()[0]["text"], octets, "short_message")


@case("rows say what was changed, without the text; a preview says the same as the post")
def _(w):
    sim, gw, api = ground(w)
    rows = [{"to": "+12025550142", "text": "hello", "smart": True},
            {"to": "+12025550142", "text": "“" * 10 + X150, "smart": True},
            {"to": "+12025550142", "text": "да", "translit": "ru-Latn"},
            {"to": "nobody", "text": "да", "translit": "ru-Latn"}]
    answer = api.post("/v1/messages", rows).expect(202).json
    a, b, c, d = answer["results"]
    check("changed" not in a, a)
    equal((b["changed"]["by"], b["changed"]["parts_before"], b["changed"]["n_changes"], len(b["changed"]["changes"])),
          (["smart"], 3, 10, 4), "smart")
    equal(c["changed"], {"by": ["translit"], "parts_before": 1}, "translit")
    equal((d["row"], d["error"]["code"]), (3, "invalid_to"), "the refused row")
    for row in rows[1:3]:
        preview = api.post("/v1/preview", row).expect(200).json
        equal((preview["parts"], preview["encoding"]), (1, "gsm7"), "preview")
    equal(api.message(c["id"])["text"], "da", "stored")
    lines = api.stream(rows, results="errors").expect(202).json
    equal([r["row"] for r in lines["results"]], [3], "a stream lists only what was refused")


@case("the same key again: the same answer, with what was changed, also after a restart")
def _(w):
    sim, gw, api = ground(w)
    body = {"to": "+12025550142", "text": "“" * 40 + X150 + "ﬁ", "smart": True}
    first = api.post("/v1/messages", body, {"Idempotency-Key": "k"}).expect(202)
    equal((first.json["changed"]["n_changes"], len(first.json["changed"]["changes"])), (41, 32), "changes")
    again = api.post("/v1/messages", body, {"Idempotency-Key": "k"}).expect(202)
    equal((again.headers["Idempotent-Replay"], again.body), ("true", first.body), "replay")
    row = {"to": "+12025550142", "text": "да", "translit": "ru-Latn", "idempotency_key": "row"}
    told, = api.post("/v1/messages", [row]).expect(202).json["results"]
    equal((told["changed"], told["parts"]), ({"by": ["translit"], "parts_before": 1}, 1), "row")
    equal(api.post("/v1/messages", [row]).expect(202).json["results"], [told], "row again")
    gw.restart()
    api = gw.api()
    after = api.post("/v1/messages", body, {"Idempotency-Key": "k"}).expect(202)
    equal((after.headers["Idempotent-Replay"], after.body), ("true", first.body), "after a restart")


@case("a long answer is given and kept whole")
def _(w):
    sim, gw, api = ground(w, client={"max_parts": 64})
    text = "щ\\\"\n" * 1200
    answer = api.post("/v1/messages", {"to": "+12025550142", "text": text, "translit": "ru-Latn"},
                      {"Idempotency-Key": "long"}).expect(202)
    equal(answer.json["changed"]["text"], text.replace("щ", "shch"), "text")
    again = api.post("/v1/messages", {"to": "+12025550142", "text": text, "translit": "ru-Latn"},
                     {"Idempotency-Key": "long"}).expect(202)
    equal(again.body, answer.body, "replay")


@case("what a person sees as one character is not divided, and the count of the answer is that of the carrier")
def _(w):
    sim, gw, api = ground(w)
    family = "👨\u200d👩\u200d👧"  # one cluster of 8 UTF-16 units (Unicode Standard Annex 29)
    text = "ж" * 62 + family + "ж" * 30
    answer = api.send(text=text)
    equal(answer["parts"], 2, "parts")
    texts, _ = sent(sim, api, answer, 2)
    equal(texts, ["ж" * 62, family + "ж" * 30], "the cut")


@case("a link with Turkish tables: gsm7 refuses only what they lack")
def _(w):
    sim, gw, api = ground(w, link={"languages": ["tr"]})
    answer = api.send(text="ş" * 100, encoding="gsm7")
    equal((answer["parts"], answer["encoding"]), (1, "gsm7"), "answer")
    refused = api.post("/v1/messages", {"to": "+12025550142", "text": "şж", "encoding": "gsm7"})
    refused.expect(422, "not_gsm7")
    check("ж (U+0436) at 1" in refused.json["error"]["message"], refused)


def longest_wait(gw, api, rows):
    """Post the rows; meanwhile ask for something small again and again: how often it was answered, and the longest wait."""
    done, times = [], []
    poster = threading.Thread(target=lambda: done.append(gw.api().post("/v1/messages", rows).expect(202).json))
    poster.start()
    while poster.is_alive():
        start = time.monotonic()
        api.get("/v1/messages", limit="1").expect(200)
        times.append(time.monotonic() - start)
    poster.join()
    equal(done[0]["accepted"], len(rows), "accepted")
    print(f"# {len(times)} answers meanwhile, the slowest {max(times):.3f} s", flush=True)
    return len(times), max(times)


@case("ten thousand rows to be transliterated do not keep others waiting, nor do rows of a thousand Chinese characters")
def _(w):
    sim, gw, api = ground(w, client={"max_parts": 64})
    api.send(text="да 你好", translit="any-Latn")  # compiles the rules: 0.1 s, once
    for rows in ([{"to": "+12025550142", "text": f"Уважаемый клиент, заказ {i} готов: 你好。", "translit": "any-Latn"}
                  for i in range(10000)],
                 [{"to": "+12025550142", "text": "今天天气怎么样" * 140, "translit": "zh-Latn"} for i in range(200)]):
        n, slowest = longest_wait(gw, api, rows)
        check(n > 5 and slowest < patience(0.3), f"{n} answers meanwhile, the slowest {slowest:.3f} s")


@case("the command line: options, columns of a file, and what it says of a change")
def _(w):
    sim, gw, api = ground(w)
    env = {"POSTHORN_URL": f"http://127.0.0.1:{gw.port}", "POSTHORN_KEY": gw.keys["shop"]}
    tool = os.path.join(BUILD, "posthorn")
    status, out, err = run(tool, "send", "+12025550142", "Привет", "--translit", "ru-Latn", env=env)
    equal(status, 0, err)
    check("changed by translit" in err and "Privet" in err, err)
    status, out, err = run(tool, "send", "+12025550142", "мои\u0306", "--nfc", "--json", env=env)
    equal(json.loads(out)["changed"]["text"], "мой", "--nfc")
    status, out, err = run(tool, "send", "+12025550142", "“" + X150, "--smart", "--json", env=env)
    equal(json.loads(out)["changed"]["by"], ["smart"], "--smart")
    table = w.path("rows.csv")
    with open(table, "w", encoding="utf-8") as f:
        f.write("to,text,translit,nfc,smart\n+12025550142,Да,ru-Latn,,\n+12025550142,мои\u0306,,yes,\n")
    status, out, err = run(tool, "submit", table, env=env)
    equal(status, 0, out + err)
    wait_for(lambda: {m["text"] for m in api.all_messages()} >= {"Privet", "Da", "мой"}, 10, "the texts")


main()
