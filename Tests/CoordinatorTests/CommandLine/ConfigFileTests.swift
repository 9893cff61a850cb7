import Coordinator
import Foundation
import Testing

@Suite("Configuration files")
struct ConfigFileTests {
    /// The words that a command line with a file comes to.
    private func words(
        _ yaml: String,
        _ arguments: [String] = ["run", "--config", "FILE"],
        _ program: ProgramOptions = .ofThisProgram
    ) throws -> [String] {
        try configured(yaml, arguments, program).arguments
    }

    private func configured(
        _ yaml: String,
        _ arguments: [String] = ["run", "--config", "FILE"],
        _ program: ProgramOptions = .ofThisProgram
    ) throws -> ConfiguredArguments {
        let folder = try TestDirectory()
        let path = folder.path + "/run.yaml"
        try Data(yaml.utf8).write(to: URL(filePath: path))
        return try ConfiguredArguments(
            arguments.map { $0.replacing("FILE", with: path) },
            program
        )
    }

    /// The complaint about a file, with its path left out.
    private func complaint(_ yaml: String, _ command: String = "run") -> String? {
        do {
            _ = try words(yaml, [command, "--config", "FILE"])
            return nil
        } catch {
            guard let failure = error as? RunFailure, failure.status == .usage else { return nil }
            return failure.description.replacing(/^.*run\.yaml:/, with: "")
        }
    }

    @Test("options come before the words of the command line, the argument with them")
    func words() throws {
        let yaml = """
            # the whole run
            input: screen.h5ad
            method: nb-glm
            min-mu: 0
            scale-size-factors: false
            use-map-dispersion: yes
            quiet: true
            force: false
            covariates: [batch, donor]
            perturbations:
              - GATA1,MYC
              - "@list.txt"
            """
        let words = try words(yaml, ["run", "--config", "FILE", "--threads", "2"])
        #expect(
            words.filter { !$0.hasSuffix("run.yaml") } == [
                "run", "screen.h5ad", "--method=nb-glm", "--min-mu=0", "--no-scale-size-factors",
                "--use-map-dispersion", "--quiet", "--covariates=batch", "--covariates=donor",
                "--perturbations=GATA1,MYC", "--perturbations=@list.txt", "--config", "--threads",
                "2",
            ]
        )
    }

    @Test("without a subcommand the file is that of a run, without a file nothing changes")
    func defaultCommand() throws {
        let words = try words("method: t-test", ["s.h5ad", "--config=FILE"])
        #expect(words.first == "--method=t-test" && words.last?.hasSuffix("run.yaml") == true)
        let plain = ["show", "--config", "x"]
        #expect(try ConfiguredArguments(plain, .ofThisProgram).arguments == plain)
        #expect(try ConfiguredArguments(["-o", "--config"], .ofThisProgram).arguments.count == 2)
        let help = ["run", "--config", "absent", "--help"]
        #expect(try ConfiguredArguments(help, .ofThisProgram).arguments == help)
    }

    @Test("a value is its text, whatever YAML takes it for")
    func texts() throws {
        let yaml = """
            control-label: no
            layer: 1e3
            output: '~'
            tol: 0x10
            run-dir: -x
            freeze-control: on
            data-name: null_hypothesis
            """
        let words = try words(yaml).dropFirst().prefix(7)
        #expect(
            Array(words) == [
                "--control-label=no", "--layer=1e3", "--output=~", "--tol=0x10", "--run-dir=-x",
                "--freeze-control=on", "--data-name=null_hypothesis",
            ]
        )
    }

    @Test("names of the Python package: underscores, and aliases")
    func pythonNames() throws {
        let words = try words("min_pct_ctrl: 0.5\ngroupby: gene\nmemory_limit_gb: 4")
        #expect(
            Array(words.dropFirst().prefix(3)) == [
                "--min-pct-ctrl=0.5", "--perturbation-column=gene", "--memory-limit=4",
            ]
        )
    }

    @Test(
        "what the command line says wins, by any of the option's names",
        arguments: [
            ("threads: 4", ["--threads", "2"]), ("threads: 4", ["--threads=2"]),
            ("output: a", ["-o", "b"]), ("output: a", ["-qo", "b"]),
            ("control-label: a", ["--reference", "b"]), ("groupby: a", ["--perturbation-column=b"]),
            ("scale-size-factors: false", ["--scale-size-factors"]),
            ("scale-size-factors: true", ["--no-scale-size-factors"]),
            ("quiet: true", ["-q"]), ("covariates: [a, b]", ["--covariates", "c"]),
            ("input: a", ["screen.h5ad"]), ("input: a", ["--method", "t-test", "--", "-a"]),
        ]
    )
    func precedence(yaml: String, typed: [String]) throws {
        let words = try words(yaml, ["run", "--config", "FILE"] + typed)
        #expect(Array(words.suffix(typed.count)) == typed)
        #expect(words.count == 3 + typed.count, "\(words)")
    }

    @Test("the value of an option is not taken for an option or the argument")
    func values() throws {
        let words = try words("input: a\nthreads: 2", ["--config", "FILE", "--layer", "--threads"])
        #expect(words.prefix(2) == ["a", "--threads=2"])
    }

    @Test(
        "mistakes are named with their line and a remedy",
        arguments: [
            (
                "method: t-test\nmin-muu: 0",
                "2: min-muu is no option of 'run'; did you mean 'min-mu'?"
            ),
            (
                "\n\nprior-scale-mode: global",
                "3: prior-scale-mode is no option of 'run', but of 'shrink'"
            ),
            ("config: x", "1: config: a configuration file cannot name another"),
            ("help: true", "1: help is no option"), ("o: x", "1: o is no option"),
            (
                "no-scale-size-factors: true",
                "1: no-scale-size-factors: write 'scale-size-factors: false'"
            ),
            ("n_jobs: 4", "1: --n-jobs: processes and threads"),
            ("threads: [1, 2]", "1: threads: takes one value, not a list"),
            ("threads: {a: 1}", "1: threads: takes a value, not a mapping"),
            ("a: 1\n  b: 2", "2: "), ("threads: 1\nthreads: 2", "threads is given twice"),
            (
                "groupby: a\nperturbation_column: b",
                "2: perturbation_column is the same option as groupby in line 1"
            ),
            ("force: 1", "1: force: takes true or false"),
            ("force: 'true'", "1: force: takes true or false"),
            ("force: [true]", "1: force: takes true or false"),
            ("threads:", "1: threads: has no value"), ("layer: ~", "1: layer: has no value"),
            ("covariates: []", "1: covariates: the list is empty"),
            ("covariates:\n- a\n- [b]", "3: covariates: the items of a list are values"),
            ("- a\n- b", "1: options are written 'name: value'"),
            ("just text", "1: options are written"),
            ("input: -x.h5ad", "1: input: a path that begins with -"),
            ("threads: 1\n---\nthreads: 2", "another document"),
            ("[a]: 1", "1: the name of an option is a word"),
            ("threads: *nobody", "undefined alias"),
        ]
    )
    func mistakes(yaml: String, text: String) {
        let found = complaint(yaml)
        #expect(found?.contains(text) == true, "\(found ?? "accepted")")
    }

    @Test("a file of nothing, or of comments alone", arguments: ["", "# nothing\n", "---\n"])
    func empty(yaml: String) throws {
        #expect(try words(yaml).count == 3)
    }

    @Test("a file of another command's options is refused, that command's own is taken")
    func otherCommand() throws {
        let shrink = "method: full\nprior-scale-mode: per_comparison\nresult: r.h5ad\ninput: s.h5ad"
        #expect(complaint(shrink)?.contains("but of 'shrink'") == true)
        let words = try words(shrink, ["shrink", "--config", "FILE"])
        #expect(
            Array(words[1...4]) == [
                "--method=full", "--prior-scale-mode=per_comparison", "r.h5ad", "--input=s.h5ad",
            ]
        )
        #expect(complaint("min-pct-ctrl: 0", "shrink")?.contains("but of 'run'") == true)
    }

    @Test("a file that is not there, two files, files that are no text")
    func files() throws {
        #expect {
            try ConfiguredArguments(["--config", "/absent.yaml"], .ofThisProgram)
        } throws: { ($0 as? RunFailure)?.status == .noInput }
        #expect {
            try ConfiguredArguments(["--config", "a", "--config", "b"], .ofThisProgram)
        } throws: { "\($0)".contains("twice") }
        let folder = try TestDirectory()
        for bytes in [Data([0xFF, 0xFE, 0x00]), Data(repeating: 0x23, count: (1 << 20) + 1)] {
            let path = folder.path + "/bad.yaml"
            try bytes.write(to: URL(filePath: path))
            #expect {
                try ConfiguredArguments(["--config", path], .ofThisProgram)
            } throws: { ($0 as? RunFailure)?.status == .usage }
        }
    }

    @Test("a complaint of the parser is led back to the line of the file")
    func explanations() throws {
        let configured = try configured("method: t-test\nmax-iter: many\nmin-mu: 0")
        func explained(_ message: String) -> String? {
            configured.explained(message)?.replacing(/^.*run\.yaml:/, with: "")
        }
        let message = "The value 'many' is invalid for '--max-iter <max-iter>'"
        #expect(explained(message) == "2: max-iter: " + message)
        let other = explained("--min-mu is an option of --method nb-glm")
        #expect(other?.hasPrefix("3: min-mu") == true)
        #expect(explained("--max-iterations is unknown") == nil)
        #expect(explained("Missing expected argument '<input.h5ad>'") == nil)
    }

    @Test("every option of every command that takes a file can stand in one")
    func everyKey() throws {
        let program = ProgramOptions.ofThisProgram
        let commands = program.commands.filter { $0.named("--config") != nil }
        #expect(commands.map(\.command).contains("run"))
        for command in commands {
            for key in command.keys {
                let option = try #require(command.keyed(key))
                let isFlag = option.kind != .option && option.kind != .argument
                let value = isFlag ? "true" : "some"
                let words = try words("\(key): \(value)", [command.command, "--config", "FILE"])
                switch option.kind {
                case .flag: #expect(words[1] == option.name)
                case .option: #expect(words[1] == "\(option.name)=some")
                case .argument: #expect(words[1] == "some")
                }
            }
        }
    }
}
