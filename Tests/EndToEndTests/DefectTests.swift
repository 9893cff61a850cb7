import AnnData
import ChildProcesses
import Foundation
import Glibc
import HDF5
import Testing

/// Defects of the Python package that are mended whatever numbers are asked for; the list with the
/// numbers is docs/defects.md.
@Suite("Mended defects of the reference")
struct DefectTests {
    private static let tTest = ["--method", "t-test"]
    private static let wilcoxon = ["--method", "wilcoxon"]
    private static let nbGLM = ["--method", "nb-glm"]

    private func succeed(
        _ run: Run,
        _ more: [String] = Run.oneWorker,
        variables: [String: String] = [:],
        location: SourceLocation = #_sourceLocation
    ) throws -> ResultReader {
        let ended = try run.run(more, variables: variables)
        #expect(ended.status == .exited(code: 0), "\(ended.errors)", sourceLocation: location)
        return try ResultReader(path: run.folder.file(run.output))
    }

    private func expectRefused(
        _ run: Run,
        _ more: [String],
        _ code: Int32,
        _ text: String,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let ended = try run.run(Run.oneWorker + more)
        #expect(ended.status == .exited(code: code), "\(ended.errors)", sourceLocation: location)
        #expect(ended.errors.contains(text), "\(ended.errors)", sourceLocation: location)
    }

    private func bits(_ values: [Double]) -> [UInt64] { values.map(\.bitPattern) }

    @Test(
        "D2: a subset of perturbations gives the rows of all, and absent labels are refused",
        arguments: [tTest, wilcoxon, nbGLM]
    )
    func subset(options: [String]) throws {
        let counts = CellTable()
        var run = try Run(options == Self.nbGLM ? counts : counts.logNormalised, options)
        let all = try succeed(run)
        run.output = "some.h5ad"
        let some = try succeed(
            run,
            Run.oneWorker + ["--perturbations", "P4", "--perturbations", "P1"]
        )
        #expect(some.perturbations == ["P4", "P1"])
        for layer in ["z_score", "pvalue", "logfoldchanges", "pts"] {
            for (row, label) in some.perturbations.enumerated() {
                let place = try #require(all.perturbations.firstIndex(of: label))
                let (found, expected) = (
                    try some.row(row, of: layer), try all.row(place, of: layer)
                )
                #expect(bits(found) == bits(expected), "\(layer) of \(label)")
            }
        }
        run.output = "absent.h5ad"
        try expectRefused(run, ["--perturbations", "P1", "--perturbations", "P99"], 65, "'P99'")
        #expect(!run.folder.exists(run.output))
    }

    @Test("D3: the result of another input under the same name is neither trusted nor replaced")
    func otherInput() throws {
        let run = try Run(CellTable().logNormalised, Self.tTest)
        func start(_ name: String) throws -> Program.Ended {
            try Program.run(
                Program.coordinator,
                [run.folder.file(name)] + run.analysis + ["--quiet"] + Run.oneWorker,
                in: run.folder
            )
        }
        let first = try start(run.input)
        let path = run.folder.file("crispyx_t_test.h5ad")
        #expect(first.output == path + "\n", "\(first.errors)")
        let bytes = run.folder.bytes("crispyx_t_test.h5ad")
        try CellTable(seed: 77).logNormalised.write(run.folder.file("second.h5ad"))
        let second = try start("second.h5ad")
        #expect(second.status == .exited(code: 73), "\(second.errors)")
        #expect(second.errors.contains(path) && second.errors.contains("another input"))
        #expect(run.folder.bytes("crispyx_t_test.h5ad") == bytes)
        #expect(try start(run.input).status == .exited(code: 0))
    }

    @Test(
        "D4: a run that died is finished with the same bytes, never with rows of zeros or NaN",
        arguments: [tTest, wilcoxon, nbGLM]
    )
    func resumed(options: [String]) throws {
        let counts = CellTable()
        let table = options == Self.nbGLM ? counts : counts.logNormalised
        let calm = try Run(table, options)
        _ = try succeed(calm)
        for place in ["rows-saved", "rows-journalled", "before-rename"] {
            let run = try Run(table, options)
            let killed = try run.run(variables: ["CRISPYX_FAIL": "\(place):1"])
            #expect(killed.status == .signalled(number: SIGKILL, coreDumped: false))
            #expect(run.result == nil, "no unfinished file has the name of a result")
            try expectRefused(run, [], 73, "--resume")
            let resumed = try succeed(run, Run.oneWorker + ["--resume"])
            #expect(try #require(calm.result).firstDifference(from: run.result) == nil)
            #expect(resumed.statuses.allSatisfy { $0 == "ok" })
        }
        // What was asked for before the crash is not mixed with what is asked for now.
        let other = try Run(table, options)
        _ = try other.run(variables: ["CRISPYX_FAIL": "before-rename:1"])
        try expectRefused(other, ["--resume", "--min-pct-ctrl", "0.5"], 65, "minimumShareControl")
    }

    @Test("D5: a result says which test and which correction made it, and its effects stay")
    func provenanceWhenRead() throws {
        let counts = CellTable()
        let expected = [
            (Self.tTest, [], "t_test", "benjamini-hochberg"),
            (Self.wilcoxon, ["--corr-method", "bonferroni"], "wilcoxon", "bonferroni"),
            (Self.nbGLM, ["--corr-method", "bonferroni"], "nb_glm", "bonferroni"),
        ]
        for (options, more, method, correction) in expected {
            let run = try Run(method == "nb_glm" ? counts : counts.logNormalised, options)
            let result = try succeed(run, Run.oneWorker + more)
            #expect(try result.method() == method)
            #expect(try result.text("pvalue_correction") == correction)
            // Adjusted values are those of the correction that is named.
            let p = try result.row(0, of: "pvalue").filter { !$0.isNaN }
            let adjusted = try result.row(0, of: "pvalue_adj").filter { !$0.isNaN }
            let isBonferroni = zip(p, adjusted).allSatisfy { $1 == min($0 * Double(p.count), 1) }
            #expect(isBonferroni == (correction == "bonferroni"))
            let again = try run.run(Run.oneWorker + more + ["--json"])
            #expect(again.output.contains("already_complete"))
        }
    }

    @Test(
        "D6: what could give no result is refused before anything is read",
        arguments: [
            ["--no-use-map-dispersion"], ["--no-shrink-dispersion"],
            ["--lfc-shrinkage-type", "apeglm"], ["--dispersion-scope", "per_comparison"],
            ["--covariates", "batch"],
        ]
    )
    func impossibleFreezing(more: [String]) throws {
        let run = try Run(CellTable(), Self.nbGLM)
        try expectRefused(
            run,
            ["--freeze-control", "on"] + more,
            64,
            "--freeze-control on excludes"
        )
        #expect(try run.folder.names() == ["screen.h5ad"])
    }

    @Test("D6: a perturbation that has no row is named in the file and in the exit status")
    func lostRow() throws {
        let run = try Run(CellTable().logNormalised, Self.tTest)
        let ended = try run.run(variables: ["CRISPYX_FAIL_FIT": "2"])
        #expect(ended.status == .exited(code: 3), "\(ended.errors)")
        let result = try ResultReader(path: run.folder.file(run.output))
        #expect(result.statuses == ["ok", "ok", "quarantined", "ok", "ok", "ok"])
        #expect(try result.row(2, of: "pvalue").allSatisfy(\.isNaN), "not p = 0")
        #expect(try run.run().status == .exited(code: 3), "and it is said again")
    }

    @Test("D9: size factors of the user belong to the cells of the file, in its order")
    func userSizeFactors() throws {
        var run = try Run(CellTable(), Self.nbGLM)
        let estimated = try succeed(run)
        guard case .doubles(let factors) = try estimated.value("size_factors") else {
            Issue.record("no size factors")
            return
        }
        #expect(factors.count == CellTable().labels.count && Set(factors).count > 20)
        let file = run.folder.file("factors.txt")
        func write(_ factors: [Double]) throws {
            let text = factors.map { "\($0)\n" }.joined()
            try Data(text.utf8).write(to: URL(filePath: file))
        }
        let given = ["--size-factors", file, "--no-scale-size-factors"]
        try write(factors)
        run.output = "given.h5ad"
        let same = try succeed(run, Run.oneWorker + given)
        for layer in estimated.layerNames {
            #expect(bits(try same.layer(layer)) == bits(try estimated.layer(layer)), "\(layer)")
        }
        try write(factors.reversed())
        run.output = "reversed.h5ad"
        let other = try succeed(run, Run.oneWorker + given)
        #expect(bits(try other.layer("z_score")) != bits(try estimated.layer("z_score")))
    }

    @Test("D10: cells without a label form no group", arguments: [tTest, nbGLM])
    func missingLabels(options: [String]) throws {
        var table = CellTable()
        for cell in stride(from: 3, to: table.labels.count, by: 10) { table.labels[cell] = nil }
        let run = try Run(options == Self.nbGLM ? table : table.logNormalised, options)
        let missing = table.labels.count { $0 == nil }
        let ended = try run.run(Run.oneWorker + ["--json"])
        #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(ended.output.utf8))
        let report = try #require(object as? [String: Any])
        #expect(report["cells_without_label"] as? Int == missing)
        let result = try ResultReader(path: run.folder.file(run.output))
        #expect(result.perturbations == table.perturbations)
        #expect(!result.perturbations.contains("nan"))
    }

    @Test("D14: negative values rank below zero")
    func negativeValues() throws {
        var table = CellTable(perturbations: 2, genes: 6, cellsPerPerturbation: 15).logNormalised
        for cell in table.values.indices where cell % 3 == 0 {
            for gene in table.values[cell].indices { table.values[cell][gene] *= -1 }
        }
        let run = try Run(table, Self.wilcoxon)
        let result = try succeed(run)
        func values(_ label: String, _ gene: Int) -> [Double] {
            table.labels.indices.filter { table.labels[$0] == label }.map { table.values[$0][gene] }
        }
        for (row, label) in result.perturbations.enumerated() {
            let found = try result.row(row, of: "u_statistic")
            for gene in table.genes.indices {
                // The definition: pairs in which the perturbed cell has more, ties counted half.
                let expected = values(label, gene).reduce(0.0) { sum, mine in
                    values("control", gene).reduce(sum) {
                        $0 + (mine > $1 ? 1 : mine == $1 ? 0.5 : 0)
                    }
                }
                #expect(found[gene] == expected)
            }
        }
    }

    @Test("D19: the way of fitting is chosen by options, not by processors or memory")
    func fitPath() throws {
        var run = try Run(CellTable(), Self.nbGLM)
        let first = try succeed(run, ["--local-workers", "1", "--threads", "1"])
        #expect(try first.text("crispyx_cluster/fit_path") == "frozen")
        let bytes = run.result
        for (index, more) in [
            ["--local-workers", "1", "--threads", "4"], ["--local-workers", "4", "--threads", "1"],
            ["--local-workers", "1", "--threads", "2", "--memory-limit", "128M"],
        ].enumerated() {
            run.output = "other\(index).h5ad"
            _ = try succeed(run, more)
            #expect(try #require(bytes).firstDifference(from: run.result) == nil)
        }
        run.output = "cached.h5ad"
        let cached = try succeed(run, Run.oneWorker + ["--freeze-control", "off"])
        #expect(try cached.text("crispyx_cluster/fit_path") == "cached")
        #expect(bits(try cached.layer("pvalue")) != bits(try first.layer("pvalue")))
    }

    @Test("D20: values that are no counts are refused by the count model, and counts by the others")
    func wrongValues() throws {
        let expression = try Run(CellTable().logNormalised, Self.nbGLM)
        try expectRefused(expression, [], 65, expression.folder.file(expression.input))
        var negative = CellTable()
        negative.values[2][2] = -1
        let below = try Run(negative, Self.nbGLM)
        try expectRefused(below, [], 65, below.folder.file(below.input))
        for options in [Self.tTest, Self.wilcoxon] {
            let counts = try Run(CellTable(), options)
            try expectRefused(counts, [], 65, counts.folder.file(counts.input))
        }
    }

    @Test(
        "D22: the settings of the filter are in the result of every test",
        arguments: [tTest, wilcoxon, nbGLM]
    )
    func settings(options: [String]) throws {
        let counts = CellTable()
        let run = try Run(options == Self.nbGLM ? counts : counts.logNormalised, options)
        let result = try succeed(
            run,
            Run.oneWorker + [
                "--min-cells-expressed", "2", "--min-pct-ctrl", "0.125", "--min-pct-pert", "0.25",
                "--min-mean-ctrl", "0.5", "--min-mean-pert", "0.0625",
            ]
        )
        let expected: [(String, UnsValue)] = [
            ("min_cells_expressed", .integer(2)), ("min_pct_ctrl", .double(0.125)),
            ("min_pct_pert", .double(0.25)), ("min_mean_ctrl", .double(0.5)),
            ("min_mean_pert", .double(0.0625)),
        ]
        for (name, value) in expected {
            #expect(try result.value("de_filter/\(name)") == value, "\(name)")
        }
        #expect(try result.text("control_label") == "control")
        #expect(try result.text("perturbation_column") == "gene")
        #expect(try result.text("crispyx_cluster/compat") == "crispyx-0.0.4")
        #expect(try result.text("crispyx_cluster/fingerprint")?.count == 32)
    }

    @Test(
        "D23: --scanpy-format has scanpy's layout, genes ranked by signed score",
        arguments: [tTest, wilcoxon, nbGLM]
    )
    func scanpyFormat(options: [String]) throws {
        let counts = CellTable()
        let run = try Run(options == Self.nbGLM ? counts : counts.logNormalised, options)
        let result = try succeed(run, Run.oneWorker + ["--scanpy-format"])
        let root = try HDF5File(opening: run.folder.file(run.output)).root
        let groups = try root.group("uns").group("rank_genes_groups")
        let parameters = try groups.group("params")
        let method = try #require(try result.method())
        let spelt = method == "t_test" ? "t-test" : method
        #expect(try parameters.dataset("method").readTexts().values == [spelt])
        #expect(try parameters.dataset("groupby").readTexts().values == ["gene"])
        #expect(try parameters.dataset("reference").readTexts().values == ["control"])
        for (row, label) in result.perturbations.enumerated() {
            let names = try groups.dataset("names").readTexts(member: label).values
            #expect(names.sorted() == result.genes.sorted(), "names of genes, not of groups")
            let scores = try groups.dataset("scores").readMember(label, as: Double.self)
            let ranked = scores.filter { !$0.isNaN }
            #expect(ranked == ranked.sorted(by: >))
            for (field, layer) in [
                ("scores", "z_score"), ("pvals", "pvalue"), ("pvals_adj", "pvalue_adj"),
                ("logfoldchanges", "logfoldchanges"),
            ] {
                let values = try result.row(row, of: layer)
                let found = try groups.dataset(field).readMember(label, as: Double.self)
                for (name, value) in zip(names, found) {
                    let gene = try #require(result.genes.firstIndex(of: name))
                    #expect(value.bitPattern == values[gene].bitPattern || value == values[gene])
                }
            }
        }
        // A file with the group is another file than one without.
        try expectRefused(run, [], 73, "other options")
    }

    @Test("D24: stored zeros do not express a gene", arguments: [tTest, wilcoxon, nbGLM])
    func storedZeros(options: [String]) throws {
        var table = options == Self.nbGLM ? CellTable() : CellTable().logNormalised
        let clean = try Run(table, options)
        _ = try succeed(clean)
        table.storesZeros = true
        let zeros = try Run(table, options)
        _ = try succeed(zeros)
        #expect(clean.folder.bytes(clean.input) != zeros.folder.bytes(zeros.input))
        #expect(try #require(clean.result).firstDifference(from: zeros.result) == nil)
    }

    @Test(
        "D25: full designs are fitted by several processes and threads",
        arguments: [
            ["--covariates", "batch"], ["--size-factor-scope", "per_comparison"],
            ["--no-use-control-cache"],
        ]
    )
    func fullDesign(more: [String]) throws {
        let run = try Run(CellTable(), Self.nbGLM)
        let result = try succeed(run, more + ["--local-workers", "2", "--threads", "2"])
        #expect(result.perturbations.count >= 4)
        #expect(result.statuses.allSatisfy { $0 == "ok" })
        for row in result.perturbations.indices {
            #expect(try result.row(row, of: "pvalue").contains { $0.isFinite })
        }
        #expect(try result.text("crispyx_cluster/fit_path") == "full_design")
    }

    @Test("D31: labels and genes of any script come through", arguments: [tTest, wilcoxon, nbGLM])
    func scripts(options: [String]) throws {
        var table = CellTable()
        table.genes[3] = "βTrCP"
        table.genes[7] = "遺伝子"
        let names = ["P0": "TNF-α", "P1": "ΔFosB", "P2": "Ω/1", "P3": "naïve"]
        table.labels = table.labels.map { $0.map { names[$0] ?? $0 } }
        let run = try Run(options == Self.nbGLM ? table : table.logNormalised, options)
        let result = try succeed(run, Run.oneWorker + ["--scanpy-format"])
        #expect(result.perturbations == table.perturbations)
        #expect(result.perturbations.contains("ΔFosB"))
        #expect(result.genes == table.genes)
        let root = try HDF5File(opening: run.folder.file(run.output)).root
        let names2 = try root.group("uns").group("rank_genes_groups").dataset("names")
        #expect(try names2.readTexts(member: "TNF-α").values.sorted() == table.genes.sorted())
        // And the result is found again.
        #expect(try run.run(Run.oneWorker + ["--scanpy-format"]).status == .exited(code: 0))
    }

    @Test(
        "D39: options that do not exist or do not apply are refused before anything is read",
        arguments: [
            (tTest, ["--corr-method", "holm"], "corr-method"),
            (tTest, ["--corr-method", "bonferroni"], "benjamini-hochberg"),
            (wilcoxon, ["--corr-method", "fdr"], "corr-method"),
            (nbGLM, ["--corr-method", "none"], "corr-method"),
            (nbGLM, ["--lfc-base", "log10"], "lfc-base"),
            (nbGLM, ["--se-method", "robust", "--freeze-control", "off"], "se-method"),
            (nbGLM, ["--dispersion-scope", "local"], "dispersion-scope"),
            (wilcoxon, ["--min-mu", "0"], "--min-mu"),
        ] as [([String], [String], String)]
    )
    func invalidOptions(options: [String], more: [String], text: String) throws {
        // The input does not even exist.
        var run = try Run(CellTable(perturbations: 1, genes: 3, cellsPerPerturbation: 2), options)
        run.input = "absent.h5ad"
        try expectRefused(run, more, 64, text)
        #expect(try run.folder.names() == ["screen.h5ad"])
    }
}
