"""The names that a run uses, in words for the report. A name that is not here is shown as it is."""

STAGES = {
    "zero_shot": ("Zero-shot prompt", "the descriptions of the labels, no examples"),
    "few_shot": ("Few-shot prompt", "the same examples for every text, no checks"),
    "cot": ("Chain of thought", "examples with reasons; it reasons before it decides"),
    "self_consistency": ("Self-consistency", "several sampled chains of thought; the majority's label"),
    "dtot": (
        "+\N{NO-BREAK SPACE}one more question",
        "asked again with the long form where the stated confidence is low",
    ),
    "freeal": ("+\N{NO-BREAK SPACE}clean texts as examples", "asked again; a student says which labels to keep"),
    "standard_distillation": ("One answer", "one chain of thought a question; its answer alone is taught"),
    "single_cot": ("One chain", "one chain of thought a question, taught with its answer"),
    "multi_cot": ("Vote of several chains", "all of them are taught"),
    "single_cot_self_eval": ("One chain, self-evaluated", "the chain and the teacher's verdicts on it are taught"),
    "minds_mirror": ("Mind's Mirror", "a vote of several chains; all of them and the verdicts on each are taught"),
    "aligner": ("+\N{NO-BREAK SPACE}ContextAligner", "the most similar human examples; first answer"),
    "first_answer": ("First answer", "the same examples for every text; align.nearest is off"),
    "teacher_checker": (
        "+\N{NO-BREAK SPACE}teacher checker",
        "asked again in more detail while unsure; the surest answer stays",
    ),
    "student_checker": ("+\N{NO-BREAK SPACE}student checker", "a student that has not seen the text weighs in"),
}

CHAIN_STAGES = {
    "few_shot": ("Few-shot prompt", "one chain of thought after the same examples for every question, no checks"),
    "aligner": ("+\N{NO-BREAK SPACE}ContextAligner", "a vote of several chains, after the most similar human examples"),
    "first_answer": ("First chains", "a vote of several chains; align.nearest is off"),
    "teacher_checker": ("+\N{NO-BREAK SPACE}teacher checker", "more chains while unsure, then the rivals side by side"),
    "student_checker": (
        "+\N{NO-BREAK SPACE}student checker",
        "what a student that has not seen the question says of its answer, and of the chains",
    ),
}
"""In place of those in ``STAGES`` where questions are answered by reasoning."""

PANEL_STAGES = {
    "few_shot": ("Few-shot prompt", "the first member of the list, the same examples for every text"),
    "first_answer": ("First answer", "the cheapest member alone, with the same examples for every text"),
    "aligner": ("+\N{NO-BREAK SPACE}ContextAligner", "the cheapest member alone, with the most similar human examples"),
    "teacher_checker": (
        "+\N{NO-BREAK SPACE}panel",
        "the other members where they are worth asking; their answers joined",
    ),
}
"""In place of those in ``STAGES`` where several teachers answer."""

LABELS_AFTER = {
    "zero_shot": "from the zero-shot prompt",
    "few_shot": "from the few-shot prompt",
    "cot": "from the chain-of-thought prompt",
    "self_consistency": "by the majority of samples",
    "dtot": "after one more question",
    "freeal": "after the second student",
    "standard_distillation": "from one chain",
    "single_cot": "from one chain",
    "multi_cot": "by vote of the chains",
    "single_cot_self_eval": "from one chain",
    "minds_mirror": "by vote of the chains",
    "aligner": "after ContextAligner",
    "first_answer": "from the first answer",
    "teacher_checker": "after the teacher checker",
    "student_checker": "after the student checker",
}

UNCALIBRATED = {
    **dict.fromkeys(
        ("zero_shot", "few_shot", "cot", "dtot", "aligner", "first_answer"),
        "This method takes the confidence as the teacher states it; it was not calibrated on gold.",
    ),
    "self_consistency": "The confidence is the share of samples that agree; it was not calibrated on gold.",
    **dict.fromkeys(
        ("standard_distillation", "single_cot", "single_cot_self_eval"),
        "This method takes the confidence as the teacher states it with its chain; it was not calibrated on gold.",
    ),
    **dict.fromkeys(
        ("multi_cot", "minds_mirror"),
        "The confidence is the share of the chains that agree; it was not calibrated on gold.",
    ),
    "freeal": "The confidence is what a student that has not seen the text gives the label; no gold calibrated it.",
}
"""By stage: where a confidence comes from that no gold has calibrated."""

STUDENTS = {
    "student": ("Student of this run", "gold and the labels of this run"),
    "gold_only": ("Gold alone", "what the human labels teach without a teacher"),
    "gold_few_shot": ("Gold + few-shot labels", "what the teacher's labels bring without any check"),
    "gold_pool": ("Gold + human labels of the pool", "what labelling the whole pool by hand would bring"),
    "answers_alone": ("The same answers without chains", "what chains of thought bring beside their answers"),
    "one_chain": ("One chain a question", "what several chains bring beside a single one"),
    "chains_alone": ("The same chains without verdicts", "what learning to judge chains brings"),
}

CHAIN_STUDENTS = {"student": ("Student of this run", "gold, and the answers, chains and verdicts of this run")}
"""In place of that in ``STUDENTS`` where questions are answered by reasoning."""

REFERENCES = {
    "gold_only": "gold alone",
    "gold_few_shot": "gold and the few-shot labels",
    "gold_pool": "gold and the pool's human labels",
    "answers_alone": "the same answers without chains",
    "one_chain": "one chain a question",
    "chains_alone": "the same chains without verdicts",
}
"""The same in a sentence: the student is better or worse than the one with ..."""

OUTCOMES = {
    "ok": "understood",
    "empty": "the reply was empty",
    "unparsed": "no answer could be found in the reply",
    "label_missing": "the reply names no label",
    "label_outside_set": "the reply names a label that does not exist",
    "label_ambiguous": "the reply names several labels",
    "verdict_unreadable": "what the reply says about this label cannot be read",
    "spans_missing": "the reply holds no list of spans",
    "hallucinated_span": "no quote of the reply is in the text",
    "quote_missing": "the reply quotes nothing",
    "offsets_only": "the reply counts characters in place of quoting, which cannot be checked",
    "refused": "the teacher declined to answer",
    "unanswered": "the reply holds no answer to the question",
    "none_of_these": "the teacher finds that no label fits",
    "failed": "the request failed",
    "empty_text": "the record has no text",
    "not_recorded": "the recorded answers hold nothing for it",
    "no_demonstrations": "the teacher was shown no example",
    "timeout": "no reply in time",
    "rate_limited": "the server asked to slow down",
    "quota_spent": "the account's quota is used up",
    "server_error": "the server failed",
    "connection_broken": "the connection broke",
    "unreachable": "the server could not be reached",
    "bad_request": "the server rejected the request",
    "forbidden": "the server forbade the request, and has answered others",
    "too_long": "the prompt is longer than the model takes",
    "out_of_memory": "there is not enough memory for it",
    "not_finite": "the model's numbers overflow",
    "model_failed": "the model failed",
    "bad_url": "the address cannot be used",
    "tls": "no secure connection could be made",
    "redirect": "the server pointed to another address",
    "bad_body": "the server's reply was no valid answer",
    "wrong_wire": "the server speaks another wire",
    "unauthorized": "the key was not accepted",
    "expired": "its batch ended before it was done",
    "cancelled": "its batch was cancelled before it was done",
    "no_line": "the results of its batch do not mention it",
    "not_found": "the address or model does not exist",
    "answer_missing": "the reply states no answer",
    "answers_several": "the reply states several answers",
    "answer_unreadable": "the stated answer cannot be read",
    "answer_too_large": "the stated number has too many digits",
    "answer_outside_choices": "the answer is none of the choices",
    "choices_missing": "the question offers no choices",
    "equation_unparsable": "the answer is an equation without a value",
    "division_by_zero": "the answer is an equation that divides by zero",
    "verdict_missing": "the reply judges neither way",
    "verdict_ambiguous": "the reply judges both ways",
}

NOTES = {
    "confidence_absent": "no confidence was stated",
    "confidence_unreadable": "the stated confidence is no number",
    "confidence_out_of_range": "the stated confidence is not between 0 and 1",
    "json_in_prose": "the answer stood inside other text",
    "json_truncated": "the answer broke off; its finished parts were used",
    "read_from_lines": "the answer came as lines, not as JSON",
    "bare_label": "the reply was only a label",
    "label_outside_set": "a label that does not exist was named beside others",
    "label_missing": "a quote had no label",
    "hallucinated_span": "a quote is not in the text: it was left out",
    "quote_missing": "a span had no quote: it was left out",
    "offsets_only": "a span had offsets in place of a quote: it was left out",
    "span_twice": "the same span was given twice",
    "too_many_spans": "more than 200 spans: the rest was left out",
    "occurs_too_often": "more spans of a label than a text can have",
    "bare_list": "the reply was only the list of spans",
    "labels_left_out": "the reply gives no chance for some labels, which then do not apply",
    "verdict_unreadable": "what the reply says about a label cannot be read",
    "cut_short": "the reply hit the token limit",
    "truncated": "the text was cut to fit the prompt",
    "context_truncated": "the long form beside the text was cut to fit the prompt",
    "demonstrations_dropped": "some examples did not fit into the prompt",
    "only_repeats": "asked again, the teacher could only repeat itself",
    "outside_labels": "more than 5% of the probability lay outside the labels",
    "order_decides": "the likeliest label depends on the order of the options",
    "orders_incomplete": "some orders of the options brought no answer",
    "labels_undecided": "some labels were refused or not answered",
    "choice_not_likeliest": "the server named another option than its likeliest",
    "equation": "the answer was an equation: its value was used",
    "percent": "the answer was a percentage: the number before the sign was used",
    "answer_inexact": "the answer was said to be about right, or a bound",
    "chain_empty": "the answer came without any reasoning",
    "chain_says_other": "the reasoning ends in another answer than the one given",
    "answer_in_chain": "the answer stood only at the end of the reasoning",
    "answer_restated": "an earlier answer in the reply was another; the last one counts",
    "answer_from_last_statement": "the answer was taken from the last calculation",
    "bare_answer": "the reply was only the answer",
    "choice_by_letter": "a choice was named by its letter, with words of none",
    "choice_in_words": "a choice was named among other words",
    "choice_contradictory": "letter and words were those of different choices",
}

DISTRIBUTIONS = {
    "outside_mass": "probability on nothing in the label set",
    "order_spread": "how far the probabilities move with the order of the options",
}

WRITTEN = {
    "ok": "taught the student",
    "text_missing": "there was no text",
    "copy": "the text was there already",
}
"""How texts came out that the teacher wrote, beside ``OUTCOMES``."""

REASONS = {
    "not_asked": "no teacher was asked",
    "large_loss": "of the texts with this label, half fit a student of the others better",
    "untested": "too few kinds of labels to train a student that could test it",
}
"""Why a label was not accepted, beside ``OUTCOMES``."""

REJECTED = {
    "other_answer": "arrives at another answer than the one kept",
    "unsound": "a calculation in it does not hold",
    "called_wrong": "the teacher's self-evaluations speak against it",
    "student_doubts": "the student checker doubts it",
    "empty_chain": "an answer without any reasoning",
}
"""Why a chain of thought is not taught."""

VERDICTS = {
    "correct": "the teacher calls the chain correct",
    "wrong": "the teacher calls the chain wrong",
    "uncertain": "the teacher cannot say",
}
"""What self-evaluations say, beside ``OUTCOMES`` of those that say nothing."""

UNLEARNT = {
    "empty_chain": "chains without words",
    "empty_answer": "questions without an answer",
    "cut_chain": "chains longer than student.max_length, whose end is cut",
    "cut_question": "questions longer than student.max_length, whose end is cut",
    "known_held": "gold to watch that stands among what is learnt as well",
}
"""What a student could not learn as it is."""

PURPOSES = {
    "label": ("Label", "the pool"),
    "calibrate": ("Calibrate", "gold, to learn what the confidence is worth"),
    "judge": ("Judge", "gold, to compare two templates"),
    "explain": ("Explain", "reasons for human labels"),
    "sample": ("Sample", "gold and the pool again, to see whether the answer stands"),
    "variant": ("Variant", "gold and the pool again, with other examples"),
    "zero_shot": ("Zero-shot", "the pool"),
    "few_shot": ("Few-shot", "the pool"),
    "cot": ("Chain of thought", "the pool"),
    "self_consistency": ("Self-consistency", "the pool, several times"),
    "dtot": ("Second question", "what the teacher was unsure of"),
    "freeal": ("Again", "the pool, with clean texts as examples"),
    "generate": ("Write", "new texts for the student"),
    "chains": ("Chains of thought", "the pool, several times"),
    "evaluate": ("Evaluate", "the teacher's own chains"),
}

RUNGS = {
    "brief": "short text",
    "detail": "long form of the text",
    "wide": "more examples, full label guide, counter-examples",
    "reconsider": "shown its own answers, asked to decide",
    "senior": "a stronger teacher",
}

CHAIN_RUNGS = {
    "brief": "the first chains",
    "detail": "chains after the long form of the text",
    "wide": "more chains, after more examples",
    "reconsider": "shown the best chains of the two rival answers, asked to decide",
    "senior": "a stronger teacher",
}
"""The rungs where questions are answered by reasoning."""

SIGNALS = {
    "intercept": "Start",
    "stated": "Stated confidence",
    "label_probability": "Label probability",
    "neighbour_share": "Neighbours' labels",
    "repeat_share": "Agreement of its answers",
    "sample_share": "Agreement of samples",
    "variant_share": "Agreement of prompts",
    "base_rate": "How common the answer is for the label",
    "teacher": "Teacher's confidence",
    "student": "Student's probability",
    "taught": "Probability by a student of the teacher's labels",
    "vote_share": "Share of the chains that agree",
    "approval": "Self-evaluations of its chains",
    "rivals_rejected": "Self-evaluations against other answers' chains",
    "sound": "Calculations that hold",
    "judged": "Student checker's verdicts on its chains",
}

BASES = {
    "offline": "offline (all-MiniLM-L6-v2)",
    "ngrams": "character n-grams",
    "scratch": "scratch (a small model without any training before)",
}
