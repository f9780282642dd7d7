"""Kamailio's routing script, with placeholders that `kamailio.py` fills in."""

from __future__ import annotations

ROUTES = """\
request_route {{
    # RFC 3261 and 4475: malformed SIP is answered here, or dropped.
    if (!mf_process_maxfwd_header("70")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (!sanity_check("17895", "7")) {{ exit; }}
    force_rport();
    # By UDP it may be left out (RFC 3261 section 20.14), but without it the relay would not see the offer.
    if (!is_present_hf("Content-Length") && $rb != $null) {{
        append_hf("Content-Length: $(rb{{s.len}})\\r\\n");
        msg_apply_changes();
    }}

    if (has_totag()) {{ route(WITHIN); exit; }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) {{ t_relay(); }}
        exit;
    }}
    if (is_method("ACK")) {{
        if (t_check_trans()) {{ t_relay(); }}
        exit;
    }}
    # A retransmission ends here, even while another process works on the first.
    if (t_precheck_trans()) {{ t_check_trans(); exit; }}
    t_check_trans();

    if {inner} {{ route(OUT); exit; }}

    # A sender that is not a trunk learns nothing, and after a few tries gets no answer at all.
    if (!allow_source_address("{group}")) {{
        if (!pike_check_req()) {{ drop; }}
        sl_send_reply("403", "Forbidden");
        exit;
    }}
    if (is_method("OPTIONS")) {{
        # Reports readiness to a trunk's keep-alive.
        if ($shv(draining) != 1 && ds_select("{set}", "4")) {{ sl_send_reply("200", "OK"); exit; }}
        route(BUSY);
    }}
    if (!is_method("INVITE")) {{
        append_to_reply("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, NOTIFY, REFER\\r\\n");
        sl_send_reply("405", "Method Not Allowed");
        exit;
    }}
    route(IN);
}}

# A call from a trunk.
route[IN] {{
    if ($shv(draining) == 1) {{ route(BUSY); }}
    # RFC 3325: only a trusted trunk may name the caller. The line cards believe what arrives from here.
    if (!($avp(trunk) =~ "^trusted:")) {{
        remove_hf("P-Asserted-Identity");
        remove_hf("P-Preferred-Identity");
        remove_hf("Remote-Party-ID");
    }}
    $var(trunk) = $(avp(trunk){{s.select,1,:}});{accounts}
    remove_hf("X-Trunk");
    append_hf("X-Trunk: $var(trunk)\\r\\n");

    # The card with the fewest calls; if no card takes calls, the edge is full.
    if (!ds_select_dst("{set}", "10")) {{ route(BUSY); }}
    t_newtran();
    record_route();
    set_contact_alias();
    dlg_manage();
    dlg_set_property("ka-src");
    dlg_set_property("ka-dst");
    $dlg_var(profile) = "RTP/AVP";
    if (sdp_transport("$avp(profile)")) {{ $dlg_var(profile) = $avp(profile); }}
    # Without its relay the call would have no audio, and would reveal the card's own address.
    if (sdp_content() && !rtpengine_manage("{to_card}")) {{ ds_load_unset(); route(BUSY); }}
    route(TO_CARD);
}}

# To the chosen card, or to the next one if that is unreachable.
route[TO_CARD] {{
    t_set_fr("{no_decision}", "{no_answer}");
    t_on_reply("FROM_CARD");
    t_on_failure("NEXT_CARD");
    while (!t_relay()) {{
        ds_mark_dst("ip");
        if (!ds_next_dst()) {{
            ds_load_unset();
            rtpengine_delete();
            route(BUSY);
        }}
    }}
    exit;
}}

# A call that a line card places; its Route or request URI names the trunk.
route[OUT] {{
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (!is_method("INVITE") || $shv(draining) == 1) {{ route(BUSY); }}
    loose_route();
    if (uri == myself) {{ sl_send_reply("404", "Not Found"); exit; }}
    switch ($(ru{{uri.transport}})) {{
        case "tls": $fs = "{tls}"; break;
        case "tcp": $fs = "{tcp}"; break;
        default: $fs = "{udp}";
    }}
    record_route();
    dlg_manage();
    $dlg_var(profile) = "RTP/AVP";{encrypted}
    if (sdp_content() && !rtpengine_manage("{to_trunk} $dlg_var(profile)")) {{ route(BUSY); }}
    remove_hf("User-Agent");
    t_on_reply("FROM_TRUNK");{credentials}
    if (!t_relay()) {{ sl_reply_error(); }}
    exit;
}}

{challenged}# Requests within a call, in either direction.
route[WITHIN] {{
    if (!loose_route()) {{
        if (is_method("ACK")) {{
            if (t_check_trans()) {{ t_relay(); }}
            exit;
        }}
        sl_send_reply("481", "Call Does Not Exist");
        exit;
    }}
    handle_ruri_alias();
    # Of a call from before a restart, nobody else tells the relay that it is over.
    if (is_method("BYE") && !is_known_dlg()) {{ rtpengine_delete(); }}
    if (is_method("BYE")) {{ $avp(card) = $dlg_var(card); }}
    if {inner} {{
        if (sdp_content()) {{ rtpengine_manage("{to_trunk} $dlg_var(profile)"); }}
        remove_hf("User-Agent");
        t_on_reply("FROM_TRUNK");
    }} else {{
        if (is_method("INVITE|UPDATE")) {{ set_contact_alias(); }}
        if (sdp_content()) {{ rtpengine_manage("{to_card}"); }}
        t_on_reply("FROM_CARD");
    }}
    t_set_fr("{ringing}", "8000");
    if (!t_relay()) {{ sl_reply_error(); }}
    exit;
}}

onreply_route[FROM_CARD] {{
    if (is_method("INVITE") && status =~ "18[0-9]") {{ t_set_fr("{ringing}"); }}
    if (is_method("INVITE") && status =~ "200") {{
        ds_load_update();
        if ($xavp(_card[0]=>uri) != $null) {{ $dlg_var(card) = $xavp(_card[0]=>uri); }}
    }}
    route(FREED);
    # If the INVITE has no offer, the answer has it (RFC 3264): then this is the offer to the trunk.
    if (sdp_content()) {{ rtpengine_manage("{to_trunk}"); }}
    remove_hf("Server");
    remove_hf("User-Agent");
}}

onreply_route[FROM_TRUNK] {{
    route(FREED);
    if (nat_uac_test("64")) {{ set_contact_alias(); }}
    if (sdp_content()) {{ rtpengine_manage("replace-origin replace-session-connection"); }}
}}

# A card whose call has just ended takes the next one at once, even if it answered its last OPTIONS with 503.
route[FREED] {{
    if (is_method("BYE") && status =~ "200" && $avp(card) != $null) {{
        $var(params) = '["ap", {set}, "' + $avp(card) + '"]';
        jsonrpc_exec('{{"jsonrpc": "2.0", "id": 1, "method": "dispatcher.set_state", "params": $var(params)}}');
    }}
}}

# If a card is full, draining, or gone, the next one is tried, until none is left.
failure_route[NEXT_CARD] {{
    if (t_is_canceled()) {{ ds_load_unset(); rtpengine_delete(); exit; }}
    if (t_check_status("408|5[0-9][0-9]")) {{
        # Skipped until it answers the OPTIONS sent every second with 200 again.
        if (t_branch_timeout() || t_check_status("503")) {{ ds_mark_dst("ip"); }}
        if (ds_next_dst()) {{ route(TO_CARD); }}
        ds_load_unset();
        rtpengine_delete();
        append_to_reply("Retry-After: {retry}\\r\\n");
        t_reply("503", "Service Unavailable");
        exit;
    }}
    ds_load_unset();
    rtpengine_delete();
}}

# The call is over, whoever ended it.
event_route[dialog:end] {{
    if ($ci != $null) {{ ds_load_unset(); }}
    rtpengine_delete();
}}

route[BUSY] {{
    append_to_reply("Retry-After: {retry}\\r\\n");
    send_reply("503", "Service Unavailable");
    exit;
}}
"""
