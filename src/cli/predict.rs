//! `runner predict`: a table in, the answers of a run's model out, chunk by chunk.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Folders;
use super::failure::Failure;
use super::out::Out;
use super::run::stored_experiment;
use super::show;
use crate::digest::Digest;
use crate::ml::metrics::ConfusionMatrix;
use crate::record::{Problem, ProblemKind};
use crate::score::{Chunk, ServedModel, ServedRun, chunks, csv_header, csv_rows, ndjson_rows};
use crate::spec::Experiment;
use crate::store::Store;

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A header, then a line for every row.
    #[default]
    Csv,
    /// A JSON object a line, always with probabilities.
    Ndjson,
}

#[derive(Debug, Args)]
pub(super) struct PredictArgs {
    /// The table: CSV or TSV (also gzip or Zstandard), Parquet, Arrow; `-` for standard input
    #[arg(default_value = "-")]
    input: PathBuf,
    /// Run id, a unique beginning of one, or `latest`
    #[arg(long, default_value = "latest")]
    run: String,
    /// Name of the model; `best` is the winner
    #[arg(long, default_value = "best")]
    model: String,
    /// The file to write; left out or `-`, standard output
    #[arg(long, short, default_value = "-")]
    out: PathBuf,
    /// Also writes the probability of every class
    #[arg(long)]
    proba: bool,
    /// How to write the answers
    #[arg(long, value_enum, default_value_t)]
    format: Form,
}

/// Right answers beside the model's.
struct Tally {
    counts: Vec<Vec<u64>>,
    /// Rows whose right answer is no class of the model.
    other: u64,
    rows: u64,
}

pub(super) fn predict(args: &PredictArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    let id = served(&store, &args.run, out)?;
    let record = show::read(&store, &id)?;
    let experiment = stored_experiment(&record)?;
    let run = ServedRun::load(&store, &id, record, std::slice::from_ref(&args.model))?;
    let model = run.models.first().cloned().ok_or_else(|| Problem::new(ProblemKind::User, "no model"))?;
    if let Some(why) = model.refused() {
        let hint = "name another model: --model NAME; `runner show` lists them";
        return Err(Problem::new(ProblemKind::User, format!("{} cannot be asked: {why}", model.name))
            .hint(hint)
            .into());
    }
    let stdin = args.input.as_os_str() == "-";
    let input: Box<dyn Read> = if stdin {
        Box::new(io::stdin().lock())
    } else {
        Box::new(
            File::open(&args.input)
                .map_err(|e| Problem::new(ProblemKind::User, format!("cannot read {}: {e}", args.input.display())))?,
        )
    };
    let name = if stdin { "standard input".to_owned() } else { args.input.display().to_string() };
    let classes = model.shape.pipeline.classes().len();
    let mut tally = Tally { counts: vec![vec![0; classes]; classes], other: 0, rows: 0 };
    let asked = Asked { args, model: &model, experiment: &experiment };
    if args.out.as_os_str() == "-" {
        asked.answer(input, &name, &mut io::stdout().lock(), &mut tally)?;
    } else {
        // Whole or not at all: the answers to half a table look like those to a whole one.
        let beside = args.out.with_extension("partial");
        let failed =
            |e: io::Error| Problem::new(ProblemKind::Machine, format!("cannot write {}: {e}", args.out.display()));
        let mut file = BufWriter::new(File::create(&beside).map_err(failed)?);
        let done = asked.answer(input, &name, &mut file, &mut tally).and_then(|()| Ok(file.flush()?));
        if let Err(error) = done {
            let _ = std::fs::remove_file(&beside);
            return Err(error);
        }
        std::fs::rename(&beside, &args.out).map_err(failed)?;
    }
    tell(&tally, &model, &id, out);
    // The figures of a table that the model has learnt from say little.
    let digest = || Digest::of_reader(File::open(&args.input).ok()?).ok();
    if tally.rows > 0
        && !stdin
        && let Some((digest, _)) = digest()
        && run.record.data.iter().any(|file| file.digest == digest)
    {
        out.note("warning: this is a data file of that run, and the model was fitted on rows of it: these figures are no test\n");
        out.note("hint: `runner show` has those of the test part\n");
    }
    Ok(0)
}

/// The run that a word means: by `latest`, the latest that can be asked.
pub(super) fn served(store: &Store, word: &str, out: &mut Out) -> Result<String, Failure> {
    let newest = store.find_run(word)?;
    let able = |id: &String| store.run_has(id, "models/serving.json") && store.run_has(id, "record.json");
    if word != "latest" || able(&newest) {
        return Ok(newest);
    }
    let Some(found) = store.run_ids()?.into_iter().rev().find(able) else { return Ok(newest) };
    out.note(&format!("{newest} did not end with models to ask (`runner resume` goes on with it); this is {found}\n"));
    Ok(found)
}

struct Asked<'a> {
    args: &'a PredictArgs,
    model: &'a ServedModel,
    experiment: &'a Experiment,
}

impl Asked<'_> {
    fn answer(&self, input: Box<dyn Read>, name: &str, to: &mut dyn Write, tally: &mut Tally) -> Result<(), Failure> {
        let (model, proba) = (self.model, self.args.proba);
        if self.args.format == Form::Csv {
            to.write_all(csv_header(model, proba).as_bytes())?;
        }
        chunks::<Failure>(input, name, model, &self.experiment.dataset, &mut |chunk| {
            let answers = chunk.answer(model)?;
            let text = match self.args.format {
                Form::Csv => csv_rows(model, &answers, chunk.before, proba),
                Form::Ndjson => ndjson_rows(model, &answers, chunk.before),
            };
            self.compare(&chunk, &answers.classes, tally);
            Ok(to.write_all(text.as_bytes())?)
        })?;
        Ok(to.flush()?)
    }

    fn compare(&self, chunk: &Chunk, answers: &[u32], tally: &mut Tally) {
        let classes = self.model.shape.pipeline.classes();
        let groups = &self.experiment.dataset.groups;
        for (row, &answer) in answers.iter().enumerate() {
            let Some(truth) = chunk.truth(row) else { continue };
            let group = || groups.iter().find(|(_, of)| of.iter().any(|n| n.0 == truth)).map(|(name, _)| name);
            let known = classes.iter().position(|c| c == truth);
            let known = known.or_else(|| group().and_then(|g| classes.iter().position(|c| c == g)));
            tally.rows += 1;
            match known {
                Some(class) => tally.counts[class][answer as usize] += 1,
                None => tally.other += 1,
            }
        }
    }
}

/// What the answers are worth, where the table tells the right ones.
fn tell(tally: &Tally, model: &ServedModel, run: &str, out: &mut Out) {
    if tally.rows == 0 {
        return;
    }
    let matrix = ConfusionMatrix { counts: tally.counts.clone() };
    let mut text = format!("{} of {run} on {} rows with a label", model.name, tally.rows);
    if tally.rows > tally.other {
        let c = matrix.classification();
        text += &format!(
            ": accuracy {:.4}, f1_macro {:.4}, f1_weighted {:.4}",
            c.accuracy, c.macro_average.f1, c.weighted_average.f1
        );
    }
    if tally.other > 0 {
        text += &format!("; left out: {} rows of classes that the model does not know", tally.other);
    }
    out.note(&format!("{text}\n"));
}
