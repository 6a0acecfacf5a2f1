"""The page's one style: tokens for light and dark first, then the parts from top to bottom, then narrow, then print."""

_STYLE = """
:root{
color-scheme:light dark;
--paper:#faf9f6;--raise:#ffffff;--sunk:#f1efe9;--line:#e4e1d8;--line-2:#cfcbbf;
--ink:#191917;--ink-2:#4f4d46;--ink-3:#6b685f;
--need:#b3340c;--need-bg:#fdf0ea;--need-line:#eec6b4;
--wait:#7a4f06;--wait-fill:#bd7b0b;--wait-bg:#fcf5e6;--wait-line:#e9d0a4;
--work-fill:#1f78be;--look-fill:#8a5fc2;--done-fill:#12906a;
--sans:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Inter,Roboto,"Helvetica Neue",Arial,sans-serif;
--mono:ui-monospace,"SF Mono","Cascadia Mono","JetBrains Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;
}
@media (prefers-color-scheme:dark){:root{
--paper:#131312;--raise:#1a1a18;--sunk:#22221f;--line:#2d2c28;--line-2:#45433c;
--ink:#eeece4;--ink-2:#b9b6ab;--ink-3:#928f84;
--need:#ff9169;--need-bg:#2b1a13;--need-line:#5c3322;
--wait:#ecb84e;--wait-fill:#d99a1c;--wait-bg:#292010;--wait-line:#5b4516;
--work-fill:#3f90d4;--look-fill:#9c78d3;--done-fill:#2aa37c;
}}
@media (prefers-contrast:more){:root{--line:#8a877c;--ink-2:#191917;--ink-3:#33322d}}
@media (prefers-contrast:more) and (prefers-color-scheme:dark){:root{--line:#8a877c;--ink-2:#eeece4;--ink-3:#dcd9cf}}
*{box-sizing:border-box;margin:0}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{background:var(--paper);color:var(--ink);font:15px/1.5 var(--sans);font-variant-numeric:tabular-nums;
-webkit-font-smoothing:antialiased;overflow-wrap:anywhere}
a{color:inherit;text-decoration:underline;text-decoration-color:var(--line-2);text-decoration-thickness:1px;
text-underline-offset:3px}
a:hover{text-decoration-color:currentColor}
:focus-visible{outline:2px solid var(--work-fill);outline-offset:3px;border-radius:3px}
.skip{position:absolute;left:-999px}
.skip:focus{left:16px;top:8px;background:var(--raise);padding:8px 12px}
.wrap{max-width:1160px;margin:0 auto;padding:0 32px 56px}
svg{display:block;overflow:visible}
.g{width:18px;height:18px;flex:none}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
ul,ol{list-style:none;padding:0}
.key,.cmd,code{font-family:var(--mono);font-variant-ligatures:none}
.key{font-size:.86em;font-weight:500;color:var(--ink-2);letter-spacing:-.02em}
.cmd{display:inline-block;font-size:12.5px;background:var(--raise);border:1px solid var(--line);border-radius:6px;
padding:4px 10px;user-select:all;-webkit-user-select:all;max-width:100%;overflow-x:auto;vertical-align:middle}
.cmd i{font-style:normal;white-space:nowrap}
.cmd::before{content:"$ ";color:var(--ink-3);user-select:none;-webkit-user-select:none}
.f-need{fill:var(--need)}.f-wait{fill:var(--wait-fill)}.f-work{fill:var(--work-fill)}.f-look{fill:var(--look-fill)}
.f-done{fill:var(--done-fill)}
.f-paper{fill:var(--paper)}.f-ink{fill:var(--ink)}.f-sunk{fill:var(--sunk)}.f-none{fill:none}.f-2{fill:var(--ink-2)}
.f-3{fill:var(--ink-3)}
.s-line{stroke:var(--line-2)}.s-faint{stroke:var(--line)}.s-3{stroke:var(--ink-3)}.s-work{stroke:var(--work-fill)}
.s-wait{stroke:var(--wait-fill)}.s-paper{stroke:var(--paper)}.s-look{stroke:var(--look-fill)}
.bar{background:var(--wait-bg);border-bottom:1px solid var(--wait-fill);font-size:14px}
.bar div{max-width:1160px;margin:0 auto;padding:11px 32px;display:flex;gap:10px;align-items:flex-start}
.bar .g{margin-top:2px}
.top{display:flex;justify-content:space-between;align-items:center;gap:16px;padding:18px 0;color:var(--ink-2);
font-size:13px;border-bottom:1px solid var(--line)}
.brand{display:flex;flex:none;align-items:center;gap:10px;color:var(--ink);font-weight:600;letter-spacing:-.01em}
.brand a{text-decoration:none}
.brand span{color:var(--ink-3);font-weight:450}
.brand .g{width:20px;height:20px}
.top b{font-weight:550;color:var(--ink)}
.verdict{padding:34px 0 30px}
.verdict h1{display:flex;align-items:center;gap:14px;font-size:38px;line-height:1.12;font-weight:620;
letter-spacing:-.028em}
.verdict h1 .g{width:34px;height:34px}
.verdict p{margin:10px 0 0 48px;color:var(--ink-2);font-size:16.5px;letter-spacing:-.005em;max-width:96ch}
h2{font-size:15px;font-weight:620;letter-spacing:-.008em;display:flex;align-items:baseline;gap:8px}
h2 .n{color:var(--ink-3);font-weight:450}
.sec{margin-top:40px}
.sec>h2,.sec>header{padding-bottom:12px}
.sec>header{display:flex;justify-content:space-between;align-items:baseline;gap:16px}
.sec>header h2{flex:none}
.sec>header p{color:var(--ink-3);font-size:13px}
.two{display:grid;grid-template-columns:minmax(0,1fr) 326px;gap:44px;margin-top:4px}
.two .sec{margin-top:0}
.verdict+.sec{margin-top:4px}
.need{display:grid;gap:12px}
.need li{background:var(--need-bg);border:1px solid var(--need-line);border-left:4px solid var(--need);
border-radius:4px 10px 10px 4px;padding:16px 20px 16px 18px;display:grid;
grid-template-columns:18px minmax(0,1fr) auto;column-gap:12px}
.need li.q{background:var(--wait-bg);border-color:var(--wait-line);border-left-color:var(--wait-fill)}
.need .g{margin-top:2.5px}
.need h3{font-size:16px;font-weight:600;letter-spacing:-.012em;line-height:1.45}
.need h3 a{text-decoration:none}
.need h3 .key{margin-right:8px}
.need .since{grid-row:1/3;grid-column:3;text-align:right;font-weight:600;font-size:16px;white-space:nowrap}
.need .since small{display:block;font-weight:450;font-size:12px;color:var(--ink-2)}
.need .why{grid-column:2;grid-row:2;margin-top:4px;padding-right:16px;max-width:70ch}
q{quotes:"\\201c" "\\201d";font-weight:550;white-space:pre-line}
.need .then{grid-column:2/4;color:var(--ink-2);font-size:13.5px;margin-top:2px}
.need .do{grid-column:2/4;margin-top:12px;display:flex;flex-wrap:wrap;gap:8px 18px;align-items:center;
font-size:13.5px;color:var(--ink-2)}
.lines{font-size:13.5px}
.lines li{display:grid;grid-template-columns:16px auto minmax(0,1fr);gap:0 10px;align-items:center;padding:8.5px 0;
border-top:1px solid var(--line)}
.lines li:first-child{border-top:0;padding-top:0}
.lines .g{width:15px;height:15px}
.lines b{font-weight:550}
.lines .t{color:var(--ink-2);text-align:right}
.lines .note{grid-column:2/4;color:var(--wait);font-size:12.5px;line-height:1.45;padding-top:3px}
.lines .note .cmd{margin-top:5px}
.vitals{display:grid;grid-template-columns:repeat(4,1fr);border-top:1px solid var(--line);
border-bottom:1px solid var(--line);margin-top:40px}
.vitals div{padding:16px 20px 17px;border-left:1px solid var(--line)}
.vitals div:first-child{border-left:0;padding-left:0}
.vitals dt{font-size:12.5px;color:var(--ink-3)}
.vitals .v{font-size:25px;line-height:1.25;font-weight:600;letter-spacing:-.025em;margin-top:1px}
.vitals .d{font-size:12.5px;color:var(--ink-2)}
.vitals .p{margin:8px 0 0}
.vitals svg{max-width:100%}
.two .vitals{margin-top:0;grid-template-columns:1fr 1fr;align-self:start}
.two .vitals div:nth-child(odd){border-left:0;padding-left:0}
.two .vitals div:nth-child(n+3){border-top:1px solid var(--line)}
table{border-collapse:collapse;width:100%}
.mv th{font-size:12px;font-weight:450;color:var(--ink-3);text-align:left;padding:0 14px 7px 0;
border-bottom:1px solid var(--line-2)}
.mv td{padding:12.5px 14px 12.5px 0;border-bottom:1px solid var(--line);vertical-align:top;font-size:13.5px}
.mv td:last-child,.mv th:last-child{padding-right:0}
.mv .it{width:38%}.mv .st{width:21%}.mv .in{width:11%}.mv .sp{width:9%;text-align:right}.mv .lp{width:21%;
padding-left:14px}
.row1{display:flex;gap:9px;align-items:flex-start}
.row1 .g{width:16px;height:16px;margin-top:2.5px}
.ttl{font-weight:560;letter-spacing:-.008em}
.ttl a{text-decoration:none}
.mv .ttl{font-size:14.5px;line-height:1.4}
.sub,.u{color:var(--ink-3);font-size:12.5px}
.sub a{color:var(--ink-2)}
.mv .w{margin-top:5px;line-height:1.35}
.mv .in b,.mv .sp b,.mv .lp b{font-weight:550}
.mv .u{line-height:1.4}
.mv .no{color:var(--wait);font-size:12.5px;margin-top:3px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:44px}
.list li{display:grid;grid-template-columns:16px minmax(0,1fr) auto;gap:2px 9px;padding:10px 0;
border-top:1px solid var(--line);font-size:13.5px}
.list .g{width:15px;height:15px;margin-top:2.5px}
.list .r{color:var(--ink-2);white-space:nowrap}
.list .sub{grid-column:2/4}
.more{margin-top:10px;font-size:13px;color:var(--ink-2)}
.empty{align-self:start;border:1px dashed var(--line-2);border-radius:10px;padding:26px 28px;color:var(--ink-2)}
.empty h2{color:var(--ink)}
.empty ol{list-style:decimal;padding-left:20px;display:grid;gap:10px;margin-top:10px}
.back{font-size:13.5px;color:var(--ink-2);padding-top:22px}
.ihead{padding:18px 0 26px}
.ihead .key{font-size:15px}
.ihead h1{font-size:32px;line-height:1.18;font-weight:620;letter-spacing:-.026em;margin-top:2px}
.now{display:flex;align-items:flex-start;gap:12px;font-size:17px;margin-top:14px}
.now .g{width:22px;height:22px;margin-top:2px}
.now p{max-width:72ch;line-height:1.45}
.now small{display:block;color:var(--ink-2);font-size:14px;margin-top:2px}
.do2{align-items:center;font-size:13.5px;margin:16px 0 0 34px;display:flex;flex-wrap:wrap;gap:8px 14px}
.facts{display:grid;grid-template-columns:auto minmax(0,1fr);gap:7px 18px;font-size:13.5px;align-content:start}
.facts dt{color:var(--ink-3)}
.sec pre{font:12.5px/1.6 var(--mono);color:var(--ink-2);white-space:pre-wrap;overflow-wrap:anywhere;padding:10px 14px}
.sec pre{background:var(--raise);border:1px solid var(--line);border-radius:6px;margin-bottom:28px}
.tl li{display:grid;grid-template-columns:74px 22px minmax(0,1fr);gap:0 14px;padding-bottom:20px;position:relative}
.tl li::before{content:"";position:absolute;left:98.5px;top:24px;bottom:-2px;width:1px;background:var(--line-2)}
.tl li:last-child::before{display:none}
.tl time{font-family:var(--mono);font-size:12px;color:var(--ink-3);padding-top:2.5px}
.tl .g{width:22px;height:22px}
.tl h3{font-size:14.5px;font-weight:560;letter-spacing:-.008em}
.tl blockquote{margin:5px 0 2px;padding:1px 0 1px 12px;border-left:2px solid var(--line-2);font-size:14px;
white-space:pre-line}
summary{cursor:pointer;font-size:13.5px;color:var(--ink-2);padding-bottom:16px}
.aged{filter:saturate(.18)}
.aged h1{color:var(--ink-2)}
footer{margin-top:52px;padding-top:16px;border-top:1px solid var(--line);display:flex;flex-wrap:wrap;gap:6px 22px;
font-size:12.5px;color:var(--ink-3)}
@media (max-width:1000px){
.two{grid-template-columns:minmax(0,1fr);gap:36px}
.mv .it{width:34%}.mv .lp{width:24%}
}
@media (max-width:720px){
.wrap{padding:0 18px 40px}
.bar div{padding:11px 18px}
.top{padding:14px 0;font-size:12.5px}
.brand span{display:none}
.verdict{padding:24px 0 22px}
.verdict h1{font-size:28px;gap:11px}
.verdict h1 .g{width:26px;height:26px}
.verdict p{margin-left:0;font-size:15.5px}
.need li{padding:14px 14px 15px 13px;column-gap:10px}
.need h3{font-size:15.5px}
.need h3 .key{display:block;margin:0 0 -1px}
.need .since{grid-row:1}
.need .why,.need .then,.need .do{grid-column:1/4;padding-right:0}
.need .why{margin-top:8px}
.cmd{font-size:12px}
.need .do .cmd{width:100%}
.vitals{grid-template-columns:1fr 1fr;margin-top:34px}
.vitals div{padding:13px 14px}
.vitals div:nth-child(odd){border-left:0;padding-left:0}
.vitals div:nth-child(n+3){border-top:1px solid var(--line)}
.mv,.mv tbody,.mv tr,.mv td{display:block;width:auto}
.mv thead{position:absolute;clip-path:inset(50%);height:1px;overflow:hidden}
.mv tr{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:7px 14px;padding:15px 0;
border-bottom:1px solid var(--line)}
.mv tbody tr:first-child{border-top:1px solid var(--line-2)}
.mv td{padding:0;border:0}
.mv .it{grid-column:1/3}
.mv .it,.mv .st,.mv .in,.mv .sp,.mv .lp{width:auto}
.mv .st,.mv .lp{padding-left:25px}
.mv .in{text-align:right;align-self:end}
.mv .w{margin-top:4px}
.mv .lp{grid-column:1;grid-row:3}
.mv .sp{grid-column:2;grid-row:3}
.mv .lp b{font-size:13px}
.pair{grid-template-columns:minmax(0,1fr);gap:0}
.sec>header{display:block}
.ihead h1{font-size:25px}
.do2{align-items:center;font-size:13.5px;margin-left:0}
.tl li{grid-template-columns:22px minmax(0,1fr);gap:0 12px}
.tl time{grid-column:2;order:3;padding-top:2px}
.tl li::before{left:10.5px}
}
@media print{
.top a,.cmd,.skip{display:none}
body{background:#fff}
.need li,.mv tr,.list li,.tl li{break-inside:avoid}
}
"""
STYLE = "".join(line.strip() for line in _STYLE.splitlines())
