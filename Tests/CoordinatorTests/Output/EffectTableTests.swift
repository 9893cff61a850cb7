import AnnData
import ArgumentParser
import Coordinator
import Foundation
import Testing

@Suite("Showing effects")
struct EffectTableTests {
    private static let labels = ["HLA-A/B", "failed", "GATA1", "TET2"]
    private static let genes = (0..<90).map { $0 % 30 == 7 ? "TWIN" : "GENE\($0)" }
    private static let layers: [(name: String, element: ResultElement)] = [
        ("X", .float32), ("z_score", .float64), ("pvalue", .float64), ("pvalue_adj", .float64),
        ("logfoldchanges", .float32), ("u_statistic", .float64), ("pts", .float32),
    ]

    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    private static func value(_ layer: Int, _ row: Int, _ gene: Int) -> Double {
        let isTested = gene % 10 != 3 && row != 1
        switch layers[layer].name {
        case "pts": return Double((gene * 13 + row) % 10) / 10
        case _ where !isTested: return .nan
        case "z_score": return Double((gene * 29 + row * 7) % 41) - 20
        case "pvalue": return 1 / Double(1 + (gene * 17 + row * 3) % 23)
        default: return Double((gene * 31 + row * 5 + layer) % 57) / 10 - 2.8
        }
    }

    private func reader() throws -> ResultReader {
        let path = directory.file("r.h5ad")
        let map = try ResultFile.create(
            path: path,
            layout: ResultLayout(
                perturbationColumn: "guide",
                perturbations: Self.labels,
                genes: Self.genes,
                layers: Self.layers,
                uns: [(ResultLayout.markerKey, .dictionary([]))],
                statusCategories: ["ok", "failed", "quarantined"]
            )
        )
        let rows = try ResultRows(path: path, map: map)
        for row in Self.labels.indices {
            for layer in Self.layers.indices {
                let values = Self.genes.indices.map { Self.value(layer, row, $0) }
                try rows.write(layer: layer, row: row, values: values)
            }
            try rows.setStatus(row: row, code: row == 1 ? 1 : 0)
        }
        return try ResultReader(path: path, from: .any)
    }

    private func effects(_ table: EffectTable, _ query: EffectQuery) throws -> [Effect] {
        var found: [Effect] = []
        try table.visit(query) { effects in
            found += effects
            return true
        }
        return found
    }

    /// The pairs of a query by sorting all of them.
    private func expected(_ query: EffectQuery) -> [[Int]] {
        var groups: [[(row: Int, gene: Int)]] = []
        switch query.subject {
        case .gene(let gene): groups = [Self.labels.indices.map { ($0, gene) }]
        case .perturbation(let row): groups = [Self.genes.indices.map { (row, $0) }]
        case .everything:
            groups = Self.labels.indices.map { row in Self.genes.indices.map { (row, $0) } }
        }
        return groups.flatMap { pairs -> [[Int]] in
            func strength(_ pair: (row: Int, gene: Int)) -> Double {
                let z = Self.value(1, pair.row, pair.gene)
                switch query.order {
                case .file: return z.isNaN ? .nan : 0
                case .score: return abs(z)
                case .pvalue: return -Self.value(2, pair.row, pair.gene)
                case .lfc: return abs(Double(Float(Self.value(4, pair.row, pair.gene))))
                }
            }
            if query.order == .file, query.top == nil { return pairs.map { [$0.row, $0.gene] } }
            let tested = pairs.enumerated().filter { !strength($0.element).isNaN }.sorted {
                let (left, right) = (strength($0.element), strength($1.element))
                return left != right ? left > right : $0.offset < $1.offset
            }.map(\.element)
            let untested = pairs.filter { strength($0).isNaN }
            let shown = query.top.map { Array(tested.prefix($0)) } ?? (tested + untested)
            return shown.map { [$0.row, $0.gene] }
        }
    }

    @Test("every query gives the pairs that sorting everything gives, with their values")
    func queries() throws {
        let reader = try reader()
        let subjects: [EffectQuery.Subject] = [
            .everything, .perturbation(0), .perturbation(1), .perturbation(3), .gene(0), .gene(13),
            .gene(89),
        ]
        for hasEveryLayer in [false, true] {
            let table = try EffectTable(reader: reader, hasEveryLayer: hasEveryLayer)
            let positions = try table.columns.map { column in
                try #require(Self.layers.firstIndex { $0.name == column.layer })
            }
            for subject in subjects {
                for order in EffectOrder.allCases {
                    for top in [1, 5, 200, nil] {
                        let query = EffectQuery(subject: subject, top: top, order: order)
                        let found = try effects(table, query)
                        #expect(found.map { [$0.row, $0.gene] } == expected(query), "\(query)")
                        for effect in found {
                            for (column, value) in zip(positions, effect.values) {
                                var wanted = Self.value(column, effect.row, effect.gene)
                                if Self.layers[column].element == .float32 {
                                    wanted = Double(Float(wanted))
                                }
                                #expect(value == wanted || (value.isNaN && wanted.isNaN))
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("a table has the main layers, or every one, the known ones first")
    func columns() throws {
        let reader = try reader()
        let main = ["logfoldchanges", "z_score", "pvalue", "pvalue_adj"]
        #expect(try EffectTable(reader: reader, hasEveryLayer: false).columns.map(\.name) == main)
        let all = try EffectTable(reader: reader, hasEveryLayer: true).columns
        #expect(all.map(\.name) == main + ["effect_size", "pts", "u_statistic"])
        #expect(all.map(\.isSingle) == [true, false, false, false, true, true, false])
    }

    @Test("unknown names are answered with near ones, and shared names with positions")
    func names() throws {
        let table = try EffectTable(reader: try reader(), hasEveryLayer: false)
        #expect(try table.row(of: "GATA1") == 2)
        #expect(try table.gene(named: "GENE8") == 8)
        #expect(try table.gene(at: 89) == 89)
        var failure = #expect(throws: RunFailure.self) { _ = try table.row(of: "gata") }
        #expect(failure?.description.contains("near are 'GATA1'") == true)
        #expect(failure?.status == .badInput)
        failure = #expect(throws: RunFailure.self) { _ = try table.gene(named: "zzz") }
        #expect(failure?.description.contains("'GENE0', 'GENE1'") == true)
        failure = #expect(throws: RunFailure.self) { _ = try table.gene(named: "TWIN") }
        #expect(failure?.description.contains("--gene-position: 7, 37, 67") == true)
        for position in [-1, 90] {
            failure = #expect(throws: RunFailure.self) { _ = try table.gene(at: position) }
            #expect(failure?.description.contains("0 to 89") == true)
        }
    }

    @Test("a file without the layers of a test is refused by the name of the first missing one")
    func missingLayer() throws {
        let path = directory.file("other.h5ad")
        _ = try ResultFile.create(
            path: path,
            layout: ResultLayout(
                perturbationColumn: "guide",
                perturbations: ["a"],
                genes: ["g"],
                layers: [("X", .float32), ("logfoldchanges", .float32)],
                uns: [(ResultLayout.markerKey, .dictionary([]))],
                statusCategories: ["ok"]
            )
        )
        let reader = try ResultReader(path: path, from: .any)
        let failure = #expect(throws: RunFailure.self) {
            _ = try EffectTable(reader: reader, hasEveryLayer: false)
        }
        #expect(failure?.description.contains("no layer z_score") == true)
    }

    private func text(_ form: EffectText.Form, _ query: EffectQuery, all: Bool) throws -> String {
        let table = try EffectTable(reader: try reader(), hasEveryLayer: all)
        var text = EffectText(form, table, subject: query.subject)
        var lines = text.header()
        try table.visit(query) { effects in
            lines += text.lines(effects)
            return true
        }
        return lines + text.footer()
    }

    @Test("tab-separated values give every digit under the names of the layers")
    func tabSeparated() throws {
        let query = EffectQuery(subject: .perturbation(2), top: nil)
        let lines = try text(.tsv, query, all: true).split(separator: "\n").map {
            $0.split(separator: "\t").map(String.init)
        }
        #expect(lines[0].prefix(3) == ["perturbation", "gene", "logfoldchanges"])
        #expect(lines.count == 91)
        for (fields, pair) in zip(lines.dropFirst(), expected(query)) {
            #expect(fields[0] == "GATA1")
            #expect(fields[1] == Self.genes[pair[1]])
            let (lfc, z) = (Self.value(4, 2, pair[1]), Self.value(1, 2, pair[1]))
            #expect(z.isNaN ? fields[3] == "nan" : Double(fields[3]) == z)
            #expect(lfc.isNaN ? fields[2] == "nan" : fields[2] == "\(Float(lfc))")
        }
    }

    @Test("JSON is valid whatever the names and numbers, and empty when there is nothing")
    func objects() throws {
        let query = EffectQuery(subject: .gene(13), top: nil)
        let json = try text(.json, query, all: true)
        let parsed = try JSONSerialization.jsonObject(with: Data(json.utf8))
        let objects = try #require(parsed as? [[String: Any]])
        #expect(objects.map { $0["perturbation"] as? String } == Self.labels)
        #expect(objects.allSatisfy { $0["z_score"] is NSNull && $0["gene"] as? String == "GENE13" })
        #expect(objects[2]["pts"] as? Double == 0.1)
        let nothing = try text(.json, EffectQuery(subject: .perturbation(1), top: 5), all: false)
        #expect(try (JSONSerialization.jsonObject(with: Data(nothing.utf8)) as? [Any])?.count == 0)
    }

    @Test("the table for people is aligned and rounded")
    func table() throws {
        let lines = try text(.table, EffectQuery(subject: .everything, top: 2), all: false)
            .split(separator: "\n")
        #expect(lines.count == 1 + 3 * 2)
        #expect(lines[0].hasPrefix("perturbation  gene    logfoldchanges    z_score"))
        #expect(Set(lines.map(\.count)).count == 1)
        let strongest = expected(EffectQuery(subject: .perturbation(0), top: 1))[0][1]
        let z = String(format: "%.2f", Self.value(1, 0, strongest))
        #expect(lines[1].hasPrefix("HLA-A/B       \(Self.genes[strongest])"))
        #expect(lines[1].contains("  \(z)  "))
    }

    @Test("perturbations without values are named with the reason")
    func notes() throws {
        let reader = try reader()
        let note = "1 perturbation has no values (failed): 'failed'"
        #expect(EffectNotes.lines(reader, .everything, untested: [1]) == [note])
        #expect(EffectNotes.lines(reader, .perturbation(1), untested: [1]) == [note])
        #expect(EffectNotes.lines(reader, .perturbation(0), untested: []).isEmpty)
        #expect(
            EffectNotes.lines(reader, .perturbation(0), untested: [0]) == [
                "1 perturbation has no values (no gene was tested): 'HLA-A/B'"
            ]
        )
    }

    @Test("reading stops when nobody wants more")
    func stopping() throws {
        let table = try EffectTable(reader: try reader(), hasEveryLayer: false)
        var rows = 0
        try table.visit(EffectQuery(subject: .everything, top: 1)) { _ in
            rows += 1
            return false
        }
        #expect(rows == 1)
    }

    @Test("a count is a number, or all, which 0 stands for")
    func counts() {
        #expect(ShowCount(argument: "7") == .first(7))
        #expect(ShowCount(argument: "all") == .all)
        #expect(ShowCount(argument: "0") == .all)
        for wrong in ["-1", "x", "", "1.5"] { #expect(ShowCount(argument: wrong) == nil) }
        #expect(throws: (any Error).self) {
            try ShowCommand.parse(["r.h5ad", "--gene", "a", "--gene-position", "1"])
        }
        #expect(throws: (any Error).self) { try ShowCommand.parse(["r.h5ad", "--tsv", "--json"]) }
        #expect(throws: (any Error).self) {
            try ShowCommand.parse(["r.h5ad", "--sort-by", "fame"])
        }
    }
}
