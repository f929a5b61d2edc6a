"""Chat templates: what they see, what they may do, and how they fail."""

import pytest

from router.engine.prompt import NoTemplateError, Prompter
from router.engine.template_library import BUILT_IN
from router.engine.templates import ChatTemplate, MessagesRefusedError, TemplateError, plain

ECHO = "{% for m in messages %}{{ m['role'] + ':' + m['content'] + '\\n' }}{% endfor %}"
HI = [{"role": "user", "content": "hi"}]


def test_messages_are_rendered_in_order():
    """The template sees roles and contents."""
    assert "user:hi\nassistant:ho\n" == ChatTemplate(ECHO).render([*HI, {"role": "assistant", "content": "ho"}])


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_built_in_templates_show_everything(name):
    """Each built-in template shows system, user and assistant, and leaves the turn to the assistant."""
    template = ChatTemplate(BUILT_IN[name], bos="<s>", eos="</s>")
    text = template.render(
        [{"role": "system", "content": "S1"}, {"role": "user", "content": "U1"}, {"role": "assistant", "content": "A1"},
         {"role": "user", "content": "U2"}]
    )  # fmt: skip
    assert sorted(("S1", "U1", "A1", "U2"), key=text.index) == ["S1", "U1", "A1", "U2"]


def test_a_template_that_drops_system_gets_it_with_the_user():
    """The words of a system message reach the model even if the template has no place for them."""
    only_user = "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{% endfor %}"
    assert "be kind\n\nhi" == ChatTemplate(only_user).render([{"role": "system", "content": "be kind"}, *HI])


ONE_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' and not loop.first %}{{ raise_exception('system first') }}"
    "{% endif %}{{ m['role'] + ':' + m['content'] + '\\n' }}{% endfor %}"
)
LAST_SYSTEM = (
    "{% set ns = namespace(system='') %}{% for m in messages %}{% if m['role'] == 'system' %}"
    "{% set ns.system = m['content'] %}{% endif %}{% endfor %}{{ 'system:' + ns.system + '\\n' }}"
    "{% for m in messages if m['role'] != 'system' %}{{ m['role'] + ':' + m['content'] + '\\n' }}{% endfor %}"
)


@pytest.mark.parametrize("source", [ONE_SYSTEM, LAST_SYSTEM])
def test_system_turns_between_the_others_come_first_where_a_template_takes_one(source):
    """Agents put system messages anywhere; a template that refuses or loses the second one gets a single one."""
    turns = [
        {"role": "system", "content": "be kind"}, *HI, {"role": "assistant", "content": "ho"},
        {"role": "system", "content": "be brief"}, {"role": "user", "content": "so?"},
    ]  # fmt: skip
    assert ChatTemplate(source).render(turns) == "system:be kind\n\nbe brief\nuser:hi\nassistant:ho\nuser:so?\n"


def test_system_turns_stay_in_their_places_where_a_template_takes_them():
    """What came before them keeps its place, so that its part of the prompt is not read anew."""
    turns = [*HI, {"role": "system", "content": "be brief"}, {"role": "user", "content": "so?"}]
    assert ChatTemplate(ECHO).render(turns) == "user:hi\nsystem:be brief\nuser:so?\n"


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% for m in messages %}{{ m.update({'role': 'x'}) }}{% endfor %}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ messages[0]['content']['no']['such'] }}",
    ],
)
def test_a_hostile_template_is_refused(source):
    """Escapes from the sandbox, endless loops and bombs make the template unusable, and nothing else happens."""
    with pytest.raises(TemplateError):
        ChatTemplate(source)


def test_a_template_that_fails_later_refuses_the_messages():
    """A bomb that only some messages set off is refused when they come, without the client's words."""
    source = (
        ECHO
        + "{% if messages|length > 1 %}{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{% endif %}"
    )
    template = ChatTemplate(source)
    assert "user:hi\n" == template.render(HI)
    with pytest.raises(MessagesRefusedError):
        template.render(HI * 2)


def test_what_a_template_raises_is_told_when_it_is_its_own_words():
    """`raise_exception` with a text of the template is passed on; with the client's words it is not."""
    own = ChatTemplate(ECHO + "{% if messages|length > 1 %}{{ raise_exception('one message only') }}{% endif %}")
    with pytest.raises(MessagesRefusedError, match="one message only"):
        own.render(HI * 2)
    leaking = ChatTemplate(
        ECHO + "{% if messages|length > 1 %}{{ raise_exception(messages[1]['content']) }}{% endif %}"
    )
    with pytest.raises(MessagesRefusedError) as refused:
        leaking.render([*HI, {"role": "user", "content": "my secret"}])
    assert "secret" not in refused.value.why


def test_a_template_that_does_not_compile_is_refused():
    """Wrong syntax is told with the reason."""
    with pytest.raises(TemplateError, match="does not compile"):
        ChatTemplate("{% for %}")


def test_plain_messages():
    """developer is system, nothing is an empty text, parts are joined, arguments become objects."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    system, assistant = plain(messages)
    assert {"role": "system", "content": "a\nb"} == system
    assert "" == assistant["content"]
    assert {"a": 1} == assistant["tool_calls"][0]["function"]["arguments"]


def test_images_are_refused_by_their_place():
    """A part that is not text names the message it is in."""
    with pytest.raises(MessagesRefusedError, match=r"messages\[1\]"):
        plain([*HI, {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}])


class LetterTokenizer:
    """One token a letter; `<c>` is a control token when specials are read."""

    control_texts = frozenset({"<c>"})

    def special(self, name: str) -> str:
        return "<c>" if name == "bos" else ""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        found, at = [0] if add_special else [], 0
        while at < len(text):
            is_control = parse_special and text.startswith("<c>", at)
            found.append(0 if is_control else ord(text[at]))
            at += 3 if is_control else 1
        return found


def test_a_clients_control_text_stays_text():
    """Control tokens of the template are read as such, the same letters of a client are not; no BOS comes twice."""
    template = ChatTemplate("{{ bos_token }}" + ECHO, bos="<c>")
    tokens = Prompter(LetterTokenizer(), template).chat([{"role": "user", "content": "a<c>b"}])
    assert [0, *map(ord, "user:a<c>b\n")] == tokens


def test_no_template_no_chat():
    """Without a template messages cannot be rendered, and nothing is guessed."""
    with pytest.raises(NoTemplateError):
        Prompter(LetterTokenizer(), None).chat(HI)
