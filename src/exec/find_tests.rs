use super::*;

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, *file).unwrap();
    }
    folder
}

fn names(pattern: &str, beside: &Path, data_dir: Option<&Path>) -> Vec<String> {
    find(pattern, beside, data_dir).unwrap().into_iter().map(|f| f.name).collect()
}

#[test]
fn patterns_give_files_in_the_order_of_their_names() {
    let place = folder(&["d/b.csv", "d/a.csv", "d/a10.csv", "d/.hidden.csv", "d/sub/c.csv", "d/x.txt", "d/y.csv/z"]);
    let here = place.path();
    assert_eq!(names("d/*.csv", here, None), ["d/a.csv", "d/a10.csv", "d/b.csv"]);
    assert_eq!(names("d/**/*.csv", here, None), ["d/a.csv", "d/a10.csv", "d/b.csv", "d/sub/c.csv"]);
    assert_eq!(names("d/[ab].csv", here, None), ["d/a.csv", "d/b.csv"]);
    assert_eq!(names("d/?.txt", here, None), ["d/x.txt"]);
    let absolute = here.join("d/?.csv").display().to_string();
    assert_eq!(names(&absolute, Path::new("/nowhere"), None).len(), 2);
    let from_sub = here.join("d/sub");
    assert_eq!(names("../b.csv", &from_sub, None), ["../b.csv"]);
    assert_eq!(names("../?.csv", &from_sub, None), ["../a.csv", "../b.csv"]);
}

#[test]
fn a_folder_with_matches_hides_the_next_one_and_a_file_of_that_name_comes_first() {
    let beside = folder(&["a.csv", "odd[1].csv", "odd1.csv"]);
    let data = folder(&["b.csv", "d/c.csv"]);
    assert_eq!(names("*.csv", beside.path(), Some(data.path())).len(), 3);
    assert_eq!(names("d/*.csv", beside.path(), Some(data.path())), ["d/c.csv"]);
    assert_eq!(names("odd[1].csv", beside.path(), None), ["odd[1].csv"]);
    // Brackets in the folder's own name are no pattern.
    let odd = beside.path().join("f[x]");
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("q.csv"), "").unwrap();
    assert_eq!(names("*.csv", &odd, None), ["q.csv"]);
}

#[test]
fn nothing_found_names_the_folders() {
    let place = folder(&["d/a.csv", "n/1.npz", "n/2.npz"]);
    let problem = |pattern: &str| find(pattern, place.path(), None).map(|_| ()).unwrap_err();
    let none = problem("d/*.parquet");
    assert_eq!(none.message, "no file matches d/*.parquet");
    let looked = format!("looked into {}/d (which holds a.csv)", place.path().display());
    assert_eq!(none.hints[0], looked);
    assert!(problem("e/*.csv").hints[0].ends_with("/e (no such folder)"));
    assert!(problem("d/[.csv").message.starts_with("d/[.csv is no pattern"));
    assert_eq!(problem("n/*.npz").message, "expected one npz file, n/*.npz matches 2: n/1.npz, n/2.npz");
    assert_eq!(problem("a.csv").message, "no such file: a.csv");
}
