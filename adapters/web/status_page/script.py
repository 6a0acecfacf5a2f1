"""The page's one script: fetch this page every 15 s and put the new <main> in the place of the old.

It keeps the place, the selection and open details; it pauses while the tab is hidden, text is selected or the focus is
inside; after an error it drains the colours, says since when, and tries less often (15 to 60 s). Only a changed
verdict is announced: the h1 stays the same element, and gets new words only when they differ.
"""

SCRIPT = """
(()=>{
const $=(s,d=document)=>d.querySelector(s);
let tag='',wait=15e3,timer;
const live=()=>{const a=$('#renew');if(a)a.replaceWith(a.dataset.live)};
const busy=()=>document.hidden||!getSelection().isCollapsed||$('main').contains(document.activeElement);
const show=t=>{
const d=new DOMParser().parseFromString(t,'text/html'),h=$('h1'),n=$('h1',d),y=scrollY;
if(!n||!$('main',d))throw 0;
const words=[...n.childNodes],news=n.textContent!==h.textContent;
document.querySelectorAll('main details[open]').forEach(o=>{const e=d.getElementById(o.id);if(e)e.open=true});
n.replaceWith(h);
for(const s of['#bar','#fresh','main','title','link[rel=icon]'])$(s).replaceWith($(s,d));
if(news)h.replaceChildren(...words);
scrollTo(scrollX,y);live()};
const go=async()=>{
clearTimeout(timer);
if(!busy())try{
const headers=tag?{'If-None-Match':tag}:{},signal=AbortSignal.timeout(1e4);
const r=await fetch(location.pathname+location.search,{cache:'no-store',headers,signal});
if(r.ok||r.status==503){const t=await r.text();if(!busy()){show(t);tag=r.headers.get('ETag')||''}}
else if(r.status!=304)throw 0;
wait=r.status==503?Math.min(2*wait,6e4):15e3
}catch{
tag='';wait=Math.min(2*wait,6e4);$('main').classList.add('aged');
const b=$('#fresh b');if(b)$('#fresh').replaceChildren('Not renewed since ',b,'. Trying again.')}
timer=setTimeout(go,wait)};
addEventListener('visibilitychange',()=>{if(!document.hidden)go()});
live();timer=setTimeout(go,wait)
})()
""".strip()
