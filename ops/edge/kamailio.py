"""Kamailio's configuration (Debian's 5.6): who may call, to which line card a call goes, and what is hidden. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

from ops.edge.plan import Account, Plan
from ops.edge.routes import ROUTES
from phone_daemon.settings.trunks import host_port

PROBE_S = 1
"""Interval between two OPTIONS to each line card."""
NO_ANSWER_MS = 1200
"""A line card that has not even sent 100 by then is skipped: the next one has the call within 2 s."""
NO_DECISION_MS = 1800
"""A line card that has sent 100 but nothing more by then has a frozen daemon, and is skipped, too."""
RINGING_MS = 120_000
NO_ACK_S = 20
DEAD_CALL_S = 30
"""Interval between two OPTIONS during a call: a caller whose line card is gone must not be left in silence."""
MAX_MESSAGE = 65_535
"""Bytes of a SIP message, by UDP and TCP."""
CARDS, TRUNKS = 1, 1
"""The dispatcher's set and the address group that are in use."""


def arguments(folder: Path) -> list[str]:
    """The command line arguments of Kamailio, whose files are in `folder`."""
    return ["-DD", "-E", "-m", "256", "-M", "8", "-w", str(folder), "-Y", str(folder), "-f", f"{folder}/kamailio.cfg"]


def files(plan: Plan) -> dict[str, str]:
    """Every file that Kamailio reads, by name."""
    written = {
        "kamailio.cfg": configuration(plan),
        "dispatcher.list": dispatcher_list(plan),
        "address.list": address_list(plan),
    }
    if plan.tls:
        written["tls.cfg"] = tls(plan)
    if plan.accounts:
        written["accounts/uacreg"] = accounts(plan)
        written["accounts/version"] = "table_name(string) table_version(int)\nuacreg:5\n"
    return written


def dispatcher_list(plan: Plan) -> str:
    """One line per line card; `kamcmd dispatcher.reload` reads the file again and keeps calls."""
    # No `maxload`: a call whose end is never seen stays counted. The cards themselves know when they are full.
    return "# set uri flags priority attributes\n" + "".join(
        f"{CARDS} {card.uri} 0 0 duid={card.host}:{card.port}\n" for card in plan.cards
    )


def address_list(plan: Plan) -> str:
    """One line per network of each trunk; `kamcmd permissions.addressReload` reads the file again."""
    lines = ["# group address mask port tag: who may call, as which trunk"]
    for trunk in plan.trunks:
        for text in trunk.networks:
            network = ip_network(text, strict=False)
            host = f"[{network.network_address}]" if network.version == 6 else network.network_address
            lines.append(
                f"{TRUNKS} {host} {network.prefixlen} 0 {'trusted' if trunk.trusted else 'plain'}:{trunk.name}"
            )
    return "\n".join(lines) + "\n"


def tls(plan: Plan) -> str:
    """TLS 1.2 and 1.3 only."""
    edge = plan.edge
    asked = (
        f"verify_certificate = yes\nrequire_certificate = yes\nca_list = {edge.client_ca.absolute()}\n"
        if edge.client_ca
        else "verify_certificate = no\nrequire_certificate = no\n"
    )
    assert edge.certificate is not None
    assert edge.key is not None
    own = f"certificate = {edge.certificate.absolute()}\nprivate_key = {edge.key.absolute()}\n"
    return (
        f"# Whoever connects to us.\n[server:default]\nmethod = TLSv1.2+\n{own}{asked}\n"
        f"# Whom we connect to: their certificate must be good.\n[client:default]\nmethod = TLSv1.2+\n{own}"
        f"verify_certificate = yes\nrequire_certificate = yes\n"
        # Each of Kamailio's processes reads the list, and a long one takes them many seconds.
        f"{'ca_path' if edge.ca.is_dir() else 'ca_list'} = {edge.ca.absolute()}\n"
    )


def accounts(plan: Plan) -> str:
    """db_text's table `uacreg`: one account per line, with passwords."""
    columns = (
        "id(int,auto) l_uuid(string) l_username(string) l_domain(string) r_username(string) r_domain(string) "
        "realm(string,null) auth_username(string) auth_password(string) auth_ha1(string,null) auth_proxy(string) "
        "expires(int) flags(int) reg_delay(int) contact_addr(string,null) socket(string,null)\n"
    )
    host = plan.edge.public_address or plan.edge.bind
    rows = []
    for at, account in enumerate(plan.accounts, 1):
        keys = account.keys
        first = account.targets[0]
        realm = "" if keys.realm == "*" else keys.realm
        texts = [account.trunk, keys.user, host, keys.user, first.domain, realm, keys.auth_user or keys.user]
        texts += [account.password, "", first.uri]
        port = plan.edge.tls_port if account.transport == "tls" else plan.edge.port
        socket = _field(f"{account.transport}:{_host(plan.edge.bind)}:{port}")
        rows.append(":".join((str(at), *map(_field, texts), str(keys.expires_s), "0", "0", "", socket)))
    return columns + "".join(f"{row}\n" for row in rows)


def _field(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("\n", "")


def configuration(plan: Plan) -> str:
    """The text of kamailio.cfg."""
    return "\n".join((*_head(plan), *_modules(plan), ROUTES.format(**_words(plan))))


def _head(plan: Plan) -> Iterator[str]:
    edge = plan.edge
    advertise = f" advertise {edge.public_address}:" if edge.public_address else ""
    yield "#!KAMAILIO"
    yield f"# Written by `phone-ops edge render` from {plan.source or 'the default settings'}: change those, not this."
    yield "#"
    yield "# Trunks reach the outer sockets, line cards the inner one. A trunk's call goes to the line card with the"
    yield "# fewest calls; its audio goes through rtpengine. Whoever is no trunk is told 403 and nothing else."
    yield ""
    yield "debug = 1"
    yield "log_stderror = yes"
    yield "children = 4"
    yield "tcp_children = 4"
    yield "auto_aliases = no"
    yield "# Nothing about us in what we send."
    yield "server_signature = no"
    yield 'user_agent_header = "User-Agent: phone"'
    yield "tcp_connection_lifetime = 3605"
    yield "# Their buffers have room in the memory that all processes share (-m)."
    yield "tcp_max_connections = 2048"
    yield "# As long as by UDP: signatures (STIR/SHAKEN) and histories of diversions are."
    yield f"tcp_rd_buf_size = {MAX_MESSAGE + 1}"
    yield "tcp_accept_no_cl = no"
    yield "dns_try_ipv6 = yes"
    yield ""
    for protocol in ("udp", "tcp"):
        yield f"listen = {protocol}:{_host(edge.bind)}:{edge.port}{advertise and f'{advertise}{edge.port}'}"
    if plan.tls:
        yield "enable_tls = yes"
        yield f"listen = tls:{_host(edge.bind)}:{edge.tls_port}{advertise and f'{advertise}{edge.tls_port}'}"
    yield f"listen = udp:{_host(edge.inner)}:{edge.inner_port}"
    yield ""


def _modules(plan: Plan) -> Iterator[str]:
    edge = plan.edge
    names = [
        "jsonrpcs",
        "kex",
        "corex",
        "tm",
        "tmx",
        "sl",
        "rr",
        "pv",
        "maxfwd",
        "textops",
        "textopsx",
        "siputils",
        "sdpops",
    ]
    names += ["xlog", "sanity", "pike", "permissions", "nathelper", "dispatcher", "dialog", "rtpengine", "topoh"]
    names += ["tls"] * plan.tls + ["db_text", "uac"] * bool(plan.accounts)
    yield from (f'loadmodule "{name}.so"' for name in names)
    inner = f"udp:{_host(edge.inner)}:{edge.inner_port}"
    settings: list[tuple[str, str, str | int, str]] = [
        ("jsonrpcs", "dgram_socket", str(plan.control), "`phone-ops edge status` asks here"),
        ("jsonrpcs", "transport", 4, ""),
        ("jsonrpcs", "dgram_mode", 0o600, ""),
        ("tm", "fr_timer", NO_ANSWER_MS, "a line card that says nothing is passed over after this long"),
        ("tm", "fr_inv_timer", RINGING_MS, ""),
        ("rr", "enable_double_rr", 1, ""),
        ("pike", "sampling_time_unit", 2, "strangers that knock too often are not answered"),
        ("pike", "reqs_density_per_unit", edge.stranger_requests, ""),
        ("pike", "remove_latency", 60, ""),
        ("permissions", "address_file", str(plan.folder / "address.list"), "who is a trunk"),
        ("permissions", "peer_tag_avp", "$avp(trunk)", ""),
        ("dispatcher", "list_file", str(plan.folder / "dispatcher.list"), "the line cards"),
        ("dispatcher", "reload_delta", 0, ""),
        ("dispatcher", "flags", 2, "the next one when one fails"),
        ("dispatcher", "xavp_dst", "_card", ""),
        ("dispatcher", "ds_default_socket", inner, ""),
        ("dispatcher", "ds_hash_size", 9, "counts the calls of each card"),
        ("dispatcher", "ds_hash_initexpire", 180, "… a call that was never answered"),
        ("dispatcher", "ds_hash_expire", plan.call_limit_s + 60, "… one whose end was never seen"),
        ("dispatcher", "ds_hash_check_interval", 10, ""),
        (
            "dispatcher",
            "ds_ping_interval",
            PROBE_S,
            "OPTIONS to every card; 503 is the answer of one that is full or drains",
        ),
        ("dispatcher", "ds_ping_from", f"sip:edge@{_host(edge.inner)}:{edge.inner_port}", ""),
        ("dispatcher", "ds_probing_mode", 1, ""),
        ("dispatcher", "ds_probing_threshold", 2, ""),
        ("dispatcher", "ds_inactive_threshold", 1, ""),
        ("dialog", "default_timeout", plan.call_limit_s + 60, ""),
        ("dialog", "ka_interval", DEAD_CALL_S, "a dead end of a call is found, and the other gets BYE"),
        ("dialog", "ka_timer", 5, ""),
        ("dialog", "ka_failed_limit", 1, ""),
        ("dialog", "noack_timeout", NO_ACK_S, "an answer that is never acknowledged; the card has given it up by then"),
        ("dialog", "end_timeout", 30, ""),
        ("rtpengine", "rtpengine_sock", f"udp:127.0.0.1:{plan.edge.control_port}", "the media relay"),
        ("rtpengine", "rtpengine_tout_ms", 500, ""),
        ("rtpengine", "rtpengine_disable_tout", 2, "asked again so soon after it did not answer"),
        ("topoh", "mask_key", plan.secret(), "what stands behind us is encrypted in what goes out"),
        ("topoh", "mask_ip", "127.0.0.8", ""),
    ]
    if plan.tls:
        settings.append(("tls", "config", str(plan.folder / "tls.cfg"), "TLS 1.2 and 1.3"))
    if plan.accounts:
        address = f"{edge.public_address or _host(edge.bind)}:{edge.port}"
        settings += [
            ("uac", "reg_db_url", f"text://{plan.folder / 'accounts'}", "accounts that we register"),
            ("uac", "reg_contact_addr", address, ""),
            ("uac", "reg_timer_interval", 2, ""),
            ("uac", "auth_realm_avp", "$avp(realm)", ""),
            ("uac", "auth_username_avp", "$avp(user)", ""),
            ("uac", "auth_password_avp", "$avp(password)", ""),
            ("uac", "reg_retry_interval", 30, "a wrong password is not tried again at once"),
        ]
    for module, name, value, why in settings:
        shown = value if isinstance(value, int) else f'"{value}"'
        yield f'modparam("{module}", "{name}", {shown})' + (f"  # {why}" if why else "")
    yield ""


def _words(plan: Plan) -> dict[str, object]:
    edge = plan.edge
    source = "strict-source" if edge.rtp_source == "strict" else "media-handover"
    common = f"replace-origin replace-session-connection ICE=remove {source}"
    return {
        "inner": f'($Ri == "{edge.inner.strip("[]")}" && $Rp == {edge.inner_port})',
        "set": CARDS,
        "group": TRUNKS,
        "retry": edge.retry_after_s,
        "no_answer": NO_ANSWER_MS,
        "no_decision": NO_DECISION_MS,
        "ringing": RINGING_MS,
        "to_card": f"{common} direction=outer direction=inner RTP/AVP",
        "to_trunk": f"{common} direction=inner direction=outer",
        "accounts": _ACCOUNTS if plan.accounts else "",
        "udp": f"udp:{_host(edge.bind)}:{edge.port}",
        "tcp": f"tcp:{_host(edge.bind)}:{edge.port}",
        "tls": f"tls:{_host(edge.bind)}:{edge.tls_port}" if plan.tls else f"tcp:{_host(edge.bind)}:{edge.port}",
        "credentials": "".join(_credentials(account) for account in plan.accounts),
        "encrypted": "".join(_encrypted(host) for trunk in plan.trunks for host in trunk.encrypted),
        "challenged": _CHALLENGED if plan.accounts else "",
    }


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def _credentials(account: Account) -> str:
    """Answers a challenge of the account's registrar to an outgoing call with the account's password."""
    host, _ = host_port(account.called)
    return f"""
    if ($rd == "{host}" && $fU == "{account.keys.user}") {{
        # It makes the account itself the callee.
        $var(number) = $rU;
        uac_reg_request_to("{account.trunk}", "0");
        $rU = $var(number);
        t_on_failure("CHALLENGED");
    }}"""


_SUITES = (
    *("AEAD_AES_256_GCM", "AEAD_AES_128_GCM"),
    *(f"{cipher}_HMAC_SHA1_{tag}" for cipher in ("AES_256_CM", "AES_192_CM", "F8_128", "NULL") for tag in (80, 32)),
    "AES_CM_128_HMAC_SHA1_32",
)
"""What rtpengine would offer besides AES_CM_128_HMAC_SHA1_80, which everybody supports (RFC 4568). Some of these
encrypt nothing, and keys of the first two are written in a form that not everybody can parse.
"""
_SRTP = " ".join(("RTP/SAVP DTLS=off", *(f"SDES-no-{suite}" for suite in _SUITES)))


def _encrypted(where: str) -> str:
    """Offers calls to trunks that require SRTP with keys in the SDP (RFC 4568), and never without."""
    host, port = host_port(where)
    at = f'$rd == "{host}"' + (f" && $rp == {port}" if port else "")
    return f"""
    if ({at}) {{ $dlg_var(profile) = "{_SRTP}"; }}"""


_CHALLENGED = """# The trunk asks for the account's password.
failure_route[CHALLENGED] {
    if (!t_is_canceled() && t_check_status("401|407")) {
        $var(asked) = $T_rpl($hdr(Proxy-Authenticate));
        if (t_check_status("401")) { $var(asked) = $T_rpl($hdr(WWW-Authenticate)); }
        if ($avp(realm) == $null || $avp(realm) == "") {
            $avp(realm) = $(var(asked){re.subst,/^.*realm="([^"]*)".*$/\\1/});
        }
        if (uac_auth()) {
            t_on_reply("FROM_TRUNK");
            t_relay();
            exit;
        }
    }
    rtpengine_delete();
}

"""

_ACCOUNTS = """
    # Our contact at a registrar bears the trunk's name; the dialplan wants the account's number.
    $var(account) = $rU;
    if (uac_reg_lookup("$var(account)", "$ru")) { $var(trunk) = $var(account); }"""
