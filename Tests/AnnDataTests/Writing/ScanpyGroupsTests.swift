import AnnData
import Foundation
import HDF5
import Testing

@Suite("Statistics in scanpy's form")
struct ScanpyGroupsTests {
    private let folder = WritingFolder()

    /// A layout with every layer that the group is made of.
    private func layout(perturbations: [String], genes: [String]) -> ResultLayout {
        var layout = ResultLayout.example(column: "guide")
        layout.perturbations = perturbations
        layout.genes = genes
        layout.layers = [
            ("X", .float64), ("z_score", .float64), ("pvalue", .float64),
            ("pvalue_adj", .float64), ("logfoldchanges", .float32), ("pts", .float32),
            ("pts_rest", .float32),
        ]
        layout.scanpyGroups = ScanpyGroups(
            method: "t_test",
            reference: "control",
            correction: "benjamini-hochberg",
            inputLayer: "counts"
        )
        return layout
    }

    /// Values with ties, both zeros, untested genes and an untested row.
    private func value(layer: Int, row: Int, gene: Int) -> Double {
        if layer == 1 {
            if row == 1 { return .nan }
            switch gene % 7 {
            case 3: return .nan
            case 5: return gene % 2 == 0 ? 0.0 : -0.0
            default: return Double((gene * 37 + row * 11) % 13) - 6
            }
        }
        return Double(layer * 1000 + row * 100 + gene) / 8
    }

    private func write(_ name: String, _ layout: ResultLayout) throws -> ResultRows {
        let path = folder.file(name)
        let map = try ResultFile.create(path: path, layout: layout)
        let rows = try ResultRows(path: path, map: map)
        for row in 0..<map.rowCount {
            for layer in map.layers.indices {
                let values = (0..<map.geneCount).map { value(layer: layer, row: row, gene: $0) }
                try rows.write(layer: layer, row: row, values: values)
            }
            try rows.setStatus(row: row, code: 0)
        }
        return rows
    }

    /// Genes from the largest score down, found by asking for each gene how many stand before it.
    private func ranks(row: Int, geneCount: Int) -> [Int] {
        let scores = (0..<geneCount).map { value(layer: 1, row: row, gene: $0) }
        var order = [Int](repeating: -1, count: geneCount)
        for gene in 0..<geneCount {
            let before = (0..<geneCount).filter { other in
                let (mine, its) = (scores[gene], scores[other])
                if mine.isNaN || its.isNaN {
                    return mine.isNaN && (!its.isNaN || other < gene)
                }
                return its > mine || (its == mine && other < gene)
            }
            order[before.count] = gene
        }
        return order
    }

    private static let labels = ["A,B", "no test", "βTrCP"]

    @Test(
        "each field holds the genes in descending order of the signed score, with their numbers",
        arguments: [(0..<31).map { "G\($0)" }, (0..<31).map { $0 == 30 ? "γ/δ" : "G\($0)" }]
    )
    func contents(genes: [String]) throws {
        let rows = try write("r.h5ad", layout(perturbations: Self.labels, genes: genes))
        try ScanpyGroups.fill(rows, genes: genes)
        let group = try HDF5File(opening: folder.file("r.h5ad")).root
            .group("uns/rank_genes_groups")
        let stored = [("scores", 1), ("pvals", 2), ("pvals_adj", 3), ("logfoldchanges", 4)]
        for (row, label) in Self.labels.enumerated() {
            let order = ranks(row: row, geneCount: genes.count)
            #expect(
                try group.dataset("names").readTexts(member: label).values
                    == order.map { genes[$0] }
            )
            for (name, layer) in stored {
                let found = try group.dataset(name).readMember(label, as: Double.self)
                let expected = order.map { value(layer: layer, row: row, gene: $0) }
                #expect(
                    found.map(\.bitPattern) == expected.map(\.bitPattern),
                    "\(name) of \(label)"
                )
            }
            for (name, layer) in [("pts", 5), ("pts_rest", 6)] {
                #expect(
                    try group.dataset("\(name)/\(label)").readAll(Double.self)
                        == genes.indices.map { value(layer: layer, row: row, gene: $0) }
                )
            }
        }
        #expect(try group.dataset("pts/index").readTexts().values == genes)
    }

    @Test("types, encodings and parameters are those that scanpy writes or can read")
    func description() throws {
        let genes = ["G1", "GENE2", "G3"]
        _ = try write("r.h5ad", layout(perturbations: Self.labels, genes: genes))
        let group = try HDF5File(opening: folder.file("r.h5ad")).root
            .group("uns/rank_genes_groups")
        #expect(try group.textAttribute("encoding-type") == "dict")
        for name in ["names", "scores", "pvals", "pvals_adj", "logfoldchanges"] {
            let records = try group.dataset(name)
            #expect(try records.textAttribute("encoding-type") == "rec-array")
            #expect(try records.textAttribute("encoding-version") == "0.2.0")
            #expect(try records.shape() == [3])
            guard case .record(let members) = records.type else {
                Issue.record("\(name) is \(records.type)")
                continue
            }
            #expect(members.map(\.name) == Self.labels)
            let type: HDF5Type =
                switch name {
                case "names": .fixedText(bytes: 5)
                case "logfoldchanges": .number(.float32, isNative: true)
                default: .number(.float64, isNative: true)
                }
            #expect(members.allSatisfy { $0.type == type }, "\(name)")
        }
        let reader = try ResultReader(path: folder.file("r.h5ad"))
        let parameters = "rank_genes_groups/params/"
        #expect(try reader.text(parameters + "groupby") == "guide")
        #expect(try reader.text(parameters + "reference") == "control")
        #expect(try reader.text(parameters + "method") == "t-test")
        #expect(try reader.text(parameters + "corr_method") == "benjamini-hochberg")
        #expect(try reader.text(parameters + "layer") == "counts")
        #expect(try reader.value(parameters + "use_raw") == .boolean(false))
        #expect(try group.group("pts").attribute("column-order") == .texts(Self.labels))
    }

    @Test("neither the memory nor filling twice changes a byte, and nothing else is touched")
    func sameBytes() throws {
        for genes in [(0..<31).map { "G\($0)" }, (0..<31).map { "γ\($0)" }] {
            let layout = layout(perturbations: (0..<9).map { "p\($0)" }, genes: genes)
            let rows = try write("a.h5ad", layout)
            let before = folder.bytes("a.h5ad")
            try ScanpyGroups.fill(rows, genes: genes)
            let whole = folder.bytes("a.h5ad")
            #expect(whole != before)
            // A crash left half of the statistics.
            _ = try write("b.h5ad", layout)
            var half = folder.bytes("b.h5ad")
            #expect(half == before)
            half.replaceSubrange((whole.count / 2)..., with: whole[(whole.count / 2)...])
            folder.write(half, to: "b.h5ad")
            for memoryBytes in [1, 2000, 5000, 1 << 30] {
                let again = try ResultRows(path: folder.file("b.h5ad"), map: rows.map)
                try ScanpyGroups.fill(again, genes: genes, memoryBytes: memoryBytes)
                #expect(folder.bytes("b.h5ad") == whole, "\(memoryBytes) bytes")
            }
            var changed = Set(whole.indices.filter { whole[$0] != before[$0] })
            for range in rows.map.changingRanges { changed.subtract(range) }
            #expect(changed.isEmpty)
        }
    }

    @Test("the ranges that change neither overlap nor leave the file")
    func ranges() throws {
        let genes = (0..<5).map { "G\($0)" }
        let map = try write("r.h5ad", layout(perturbations: Self.labels, genes: genes)).map
        // Seven layers, the codes, five arrays of records, two tables of three columns.
        #expect(map.changingRanges.count == 7 + 1 + 5 + 6)
        for (range, next) in zip(map.changingRanges, map.changingRanges.dropFirst()) {
            #expect(range.upperBound <= next.lowerBound)
        }
        #expect(map.changingRanges.allSatisfy { $0.upperBound <= map.byteCount })
        let copy = try JSONDecoder().decode(ResultFileMap.self, from: JSONEncoder().encode(map))
        #expect(copy == map)
    }

    @Test("a map that was damaged is refused")
    func damagedMap() throws {
        let genes = (0..<5).map { "G\($0)" }
        let map = try write("r.h5ad", layout(perturbations: Self.labels, genes: genes)).map
        let json = String(decoding: try JSONEncoder().encode(map), as: UTF8.self)
        for (name, value) in [("namesOffset", -1), ("namesOffset", 1 << 40), ("nameByteCount", 0)] {
            let damaged = json.replacing(
                try Regex("\"\(name)\":[0-9]+"),
                with: "\"\(name)\":\(value)"
            )
            let map = try JSONDecoder().decode(ResultFileMap.self, from: Data(damaged.utf8))
            #expect(throws: AnnDataWriteError.self, "\(name) \(value)") {
                try ResultRows(path: folder.file("r.h5ad"), map: map)
            }
        }
    }

    @Test(
        "tables of shares are left out where scanpy could not read them",
        arguments: [
            (["HLA-A/B", "p"], ["g", "h"]), (["index", "p"], ["g", "h"]),
            ([".", "p"], ["g", "h"]), (["a", "p"], ["g", "g"]),
        ]
    )
    func noShares(perturbations: [String], genes: [String]) throws {
        let rows = try write("r.h5ad", layout(perturbations: perturbations, genes: genes))
        try ScanpyGroups.fill(rows, genes: genes)
        let group = try HDF5File(opening: folder.file("r.h5ad")).root
            .group("uns/rank_genes_groups")
        #expect(
            try group.names()
                == ["logfoldchanges", "names", "params", "pvals", "pvals_adj", "scores"]
        )
        let last = try group.dataset("names").readTexts(member: perturbations[1]).values
        #expect(last.sorted() == genes.sorted())
    }

    @Test("a result without the group is left as it is")
    func without() throws {
        var layout = layout(perturbations: Self.labels, genes: ["g"])
        layout.scanpyGroups = nil
        let rows = try write("r.h5ad", layout)
        let before = folder.bytes("r.h5ad")
        try ScanpyGroups.fill(rows, genes: ["g"])
        #expect(folder.bytes("r.h5ad") == before)
        #expect(try ResultReader(path: folder.file("r.h5ad")).value("rank_genes_groups") == nil)
    }

    @Test(
        "as many perturbations as fit are stored; one more is refused by name of the layers",
        arguments: [(6, 1092), (15, 963), (30, 780)]
    )
    func limit(nameLength: Int, count: Int) throws {
        func labels(_ count: Int) -> [String] {
            (0..<count).map { index in
                let number = String(index)
                return number + String(repeating: "x", count: nameLength - number.count)
            }
        }
        #expect(ScanpyGroups.problem(perturbations: labels(count)) == nil)
        let problem = ScanpyGroups.problem(perturbations: labels(count + 1))
        #expect(problem?.contains("layers") == true)
        let fitting = layout(perturbations: labels(count), genes: ["g", "ĝ"])
        let rows = try write("r.h5ad", fitting)
        try ScanpyGroups.fill(rows, genes: fitting.genes)
        let names = try HDF5File(opening: folder.file("r.h5ad")).root
            .dataset("uns/rank_genes_groups/names")
        #expect(try names.readTexts(member: labels(count)[0]).values.sorted() == ["g", "ĝ"])
        let error = #expect(throws: AnnDataWriteError.self) {
            _ = try ResultFile.create(
                path: folder.file("s.h5ad"),
                layout: layout(perturbations: labels(count + 1), genes: ["g"])
            )
        }
        #expect(error == .invalidLayout(problem: problem ?? ""))
        #expect(folder.names == ["r.h5ad"])
    }

    @Test("what the group cannot be made of is refused before a file is made")
    func refusals() {
        var layouts: [ResultLayout] = []
        for name in ["z_score", "pvalue", "pvalue_adj", "logfoldchanges"] {
            var changed = layout(perturbations: Self.labels, genes: ["g"])
            changed.layers.removeAll { $0.name == name }
            layouts.append(changed)
        }
        layouts.append(layout(perturbations: ["a", ""], genes: ["g"]))
        layouts.append(layout(perturbations: ["a", "a"], genes: ["g"]))
        var taken = layout(perturbations: Self.labels, genes: ["g"])
        taken.uns.append((ScanpyGroups.key, .integer(1)))
        layouts.append(taken)
        for (index, layout) in layouts.enumerated() {
            #expect(throws: AnnDataWriteError.self, "layout \(index)") {
                try ResultFile.create(path: folder.file("r.h5ad"), layout: layout)
            }
        }
        #expect(folder.names.isEmpty)
    }
}
