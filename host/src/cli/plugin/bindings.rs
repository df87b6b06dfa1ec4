//! What editors, compilers and native tests need of the contract, made from its
//! WIT for the hooks and capabilities of one project.

mod c;
mod go;
mod javascript;

use std::path::Path;

use wit_bindgen_core::{Files, WorldGenerator};

use super::contract::Contract;
use super::language::Language;
use super::new::update_file;

/// Writes them below the project's `.wasmgate`. Rust's are in its SDK; Python's are
/// made by its own toolchain.
pub(super) fn write(folder: &Path, language: Language, contract: &Contract) -> anyhow::Result<()> {
    let files = match language {
        Language::Rust | Language::Python => return Ok(()),
        Language::JavaScript => javascript::files(contract),
        Language::Go => go::files(contract)?,
        Language::C => c::files(contract)?,
    };
    let below = folder.join(super::sdk::FOLDER).join(language.name());
    for (path, content) in files {
        // A file that is the same is left alone: compilers go by its time.
        update_file(&below.join(path), &content)?;
    }
    Ok(())
}

/// Path and content.
type File = (String, Vec<u8>);

fn generate(
    contract: &Contract,
    mut generator: Box<dyn WorldGenerator>,
) -> anyhow::Result<Vec<File>> {
    let mut files = Files::default();
    // Generators change what they are given.
    generator.generate(&mut contract.resolve.clone(), contract.world, &mut files)?;
    Ok(files.iter().map(|(path, content)| (path.to_owned(), content.to_vec())).collect())
}

/// `request-body`, or `request_body`, as `RequestBody`.
fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    name.split(['-', '_']).map(word).collect::<Vec<String>>().concat()
}
