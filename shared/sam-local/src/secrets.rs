//! The secrets that the template has generated: made once, kept in the data directory, so that what was signed or
//! sealed in one run can be read in the next.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde::{Deserialize, Serialize};

use crate::template::GeneratedSecret;

/// A secret and how it was made: another description makes another secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    made_as: GeneratedSecret,
    value: String,
}

/// The file of generated secrets.
#[derive(Debug)]
pub struct Secrets {
    path: PathBuf,
    kept: Mutex<BTreeMap<String, Kept>>,
}

impl Secrets {
    /// Reads the file if there is one.
    ///
    /// # Errors
    /// When it cannot be read: a message for people.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        let kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                format!("{} cannot be read: {error}; delete it to make new secrets", path.display())
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        Ok(Self { path, kept: Mutex::new(kept) })
    }

    /// The secret's value: the one made earlier from the same description, else a new one, which is kept.
    ///
    /// # Errors
    /// When it cannot be made or kept: a message for people.
    pub fn value(&self, secret: &GeneratedSecret) -> Result<String, String> {
        let mut kept = self.kept.lock().map_err(|_| "the secrets are in disorder".to_owned())?;
        if let Some(found) = kept.get(&secret.logical_id).filter(|found| found.made_as == *secret) {
            return Ok(found.value.clone());
        }
        let value = generate(secret)?;
        kept.insert(secret.logical_id.clone(), Kept { made_as: secret.clone(), value: value.clone() });
        save(&self.path, &kept)
            .map_err(|error| format!("{} cannot be written: {error}", self.path.display()))?;
        Ok(value)
    }
}

/// Written whole or not at all, and for this user's eyes only.
fn save(path: &Path, kept: &BTreeMap<String, Kept>) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    // A temporary file is made readable by its owner alone.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer_pretty(&mut file, kept)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn generate(secret: &GeneratedSecret) -> Result<String, String> {
    let types: Vec<Vec<char>> =
        secret.character_types.iter().map(|characters| characters.chars().collect()).collect();
    let all: Vec<char> = types.concat();
    let mut random = rand::rng();
    let mut drawn: Vec<char> = Vec::with_capacity(secret.length);
    if secret.require_each_type {
        drawn.extend(types.iter().filter_map(|characters| characters.choose(&mut random)));
    }
    if drawn.len() > secret.length || all.is_empty() {
        return Err(format!("a secret of {} characters cannot be made of what is allowed", secret.length));
    }
    while drawn.len() < secret.length {
        drawn.push(all[random.random_range(0..all.len())]);
    }
    drawn.shuffle(&mut random);
    let value: String = drawn.into_iter().collect();
    let Some((template, key)) = &secret.template else { return Ok(value) };
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(template)
        .map_err(|error| format!("SecretStringTemplate is not a JSON object: {error}"))?;
    object.insert(key.clone(), value.into());
    Ok(serde_json::Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(length: usize) -> GeneratedSecret {
        GeneratedSecret {
            logical_id: "SigningSecret".to_owned(),
            length,
            character_types: vec!["abc".to_owned(), "123".to_owned()],
            require_each_type: true,
            template: None,
        }
    }

    #[test]
    fn a_secret_is_made_once() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("secrets.json");
        let first = Secrets::open(path.clone()).unwrap().value(&description(64)).unwrap();
        assert_eq!(first.len(), 64);
        assert!(first.chars().any(|c| "abc".contains(c)) && first.chars().any(|c| "123".contains(c)));
        let again = Secrets::open(path.clone()).unwrap();
        assert_eq!(again.value(&description(64)).unwrap(), first);
        assert_ne!(again.value(&description(32)).unwrap(), first, "another description");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn every_type_has_its_place() {
        assert!(generate(&description(1)).is_err());
        assert_eq!(generate(&description(2)).unwrap().len(), 2);
        let template = Some((r#"{"user":"ada"}"#.to_owned(), "password".to_owned()));
        let value = generate(&GeneratedSecret { template, ..description(8) }).unwrap();
        let value: serde_json::Value = serde_json::from_str(&value).unwrap();
        assert_eq!(
            (value["user"].as_str(), value["password"].as_str().map(str::len)),
            (Some("ada"), Some(8))
        );
    }
}
