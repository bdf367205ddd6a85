// pgjdbc: java.sql, with CopyManager and notifications of its own.

import java.io.PrintStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.postgresql.PGConnection;
import org.postgresql.util.PGobject;
import org.postgresql.util.PSQLException;

final class Pgjdbc {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private final Connection db;
  private final PreparedStatement insert;
  private final PreparedStatement select;

  private Pgjdbc(Connection db) throws SQLException {
    this.db = db;
    insert = db.prepareStatement("INSERT INTO orders VALUES (?, ?)");
    select = db.prepareStatement("SELECT item FROM orders WHERE id = ?");
  }

  public static void main(String[] arguments) throws Exception {
    String user = arguments[0].replaceAll("^postgresql://(.*)@.*", "$1");
    String url = "jdbc:" + arguments[0].replace(user + "@", "");
    try (Connection db = DriverManager.getConnection(url, user, null)) {
      say("connect", db.getMetaData().getDriverVersion());
      new Pgjdbc(db).play();
    }
  }

  private void play() throws Exception {
    int pid = db.unwrap(PGConnection.class).getBackendPID();
    values();
    transactions();
    // At the fifth time a statement gets a name at the server.
    for (int time = 0; time < 3; time++) {
      item(1);
    }
    List<String> items = new ArrayList<>();
    for (int id : new int[] {1, 2, 9}) {
      items.add(item(id));
    }
    say("prepared", items);
    batch();
    copy();
    run("LISTEN news");
    run("NOTIFY news, 'hello'");
    var heard = db.unwrap(PGConnection.class).getNotifications(20000)[0];
    say("notify", List.of(heard.getName(), heard.getParameter()));
    List<String> columns = new ArrayList<>();
    try (ResultSet found = db.getMetaData().getColumns(null, "public", "orders", null)) {
      while (found.next()) {
        columns.add(found.getString("COLUMN_NAME"));
      }
    }
    say("columns", columns);
    refusals();
    moreWork(pid);
  }

  private void values() throws SQLException {
    run("CREATE TEMP TABLE scratch (id int PRIMARY KEY, label text, price numeric(10, 2), day date, doc jsonb,"
        + " raw bytea, tags int[], nothing text)");
    try (PreparedStatement query = db.prepareStatement("INSERT INTO scratch VALUES (1, ?, ?, ?, ?, ?, ?, ?)")) {
      PGobject doc = new PGobject();
      doc.setType("jsonb");
      doc.setValue("{\"a\": [1, null, \"x\"]}");
      query.setString(1, "déjà 🐘 \\ ' \"");
      query.setBigDecimal(2, new java.math.BigDecimal("12.50"));
      query.setDate(3, Date.valueOf("2026-03-04"));
      query.setObject(4, doc);
      query.setBytes(5, HexFormat.of().parseHex("00ff0d0a"));
      query.setArray(6, db.createArrayOf("int4", new Integer[] {1, 2, 3}));
      query.setNull(7, java.sql.Types.VARCHAR);
      query.executeUpdate();
    }
    try (Statement query = db.createStatement(); ResultSet row = query.executeQuery("SELECT * FROM scratch")) {
      row.next();
      Map<String, Object> value = new LinkedHashMap<>();
      value.put("label", row.getString("label"));
      value.put("price", row.getBigDecimal("price").toString());
      value.put("day", row.getDate("day").toString());
      value.put("doc", new Raw(row.getObject("doc", PGobject.class).getValue()));
      value.put("raw", HexFormat.of().formatHex(row.getBytes("raw")));
      value.put("tags", List.of((Object[]) row.getArray("tags").getArray()));
      value.put("nothing", row.getString("nothing"));
      say("values", value);
    }
  }

  private void transactions() throws SQLException {
    db.setAutoCommit(false);
    add(2, "desk");
    db.commit();
    add(3, "chair");
    db.rollback();
    db.setAutoCommit(true);
    say("transactions", ids(1, 9));
  }

  private void batch() throws SQLException {
    for (int id = 10; id <= 12; id++) {
      insert.setInt(1, id);
      insert.setString(2, "abc".substring(id - 10, id - 9));
      insert.addBatch();
    }
    insert.executeBatch();
    say("batch", ids(10, 19));
  }

  private void copy() throws Exception {
    var copying = db.unwrap(PGConnection.class).getCopyAPI();
    copying.copyIn("COPY orders FROM STDIN", new StringReader("20\tpen\n21\tink\n"));
    StringWriter out = new StringWriter();
    copying.copyOut("COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT", out);
    say("copy", out.toString());
  }

  private void refusals() throws SQLException {
    say("refused_drop", told(failure("DROP TABLE orders")));
    db.setAutoCommit(false);
    add(30, "never");
    say("refused_delete", told(failure("DELETE FROM orders")));
    say("aborted", failure("SELECT 1").getSQLState());
    db.rollback();
    db.setAutoCommit(true);
    say("rolled_back", ids(30, 39));
  }

  private void moreWork(int pid) throws SQLException {
    Map<String, Object> value = new LinkedHashMap<>();
    value.put("item", item(1));
    add(40, "vase");
    try (PreparedStatement update = db.prepareStatement("UPDATE orders SET item = ? WHERE id = ?")) {
      update.setString(1, "table");
      update.setInt(2, 2);
      value.put("changed", update.executeUpdate());
    }
    value.put("scratch", number("SELECT count(*) FROM scratch"));
    value.put("same_connection", number("SELECT pg_backend_pid()") == pid);
    run("DROP TABLE scratch");
    say("more_work", value);
  }

  private void add(int id, String item) throws SQLException {
    insert.setInt(1, id);
    insert.setString(2, item);
    insert.executeUpdate();
  }

  private String item(int id) throws SQLException {
    select.setInt(1, id);
    try (ResultSet found = select.executeQuery()) {
      return found.next() ? found.getString(1) : null;
    }
  }

  private List<Integer> ids(int first, int last) throws SQLException {
    String query = "SELECT id FROM orders WHERE id BETWEEN ? AND ? ORDER BY id";
    try (PreparedStatement statement = db.prepareStatement(query)) {
      statement.setInt(1, first);
      statement.setInt(2, last);
      List<Integer> ids = new ArrayList<>();
      try (ResultSet found = statement.executeQuery()) {
        while (found.next()) {
          ids.add(found.getInt(1));
        }
      }
      return ids;
    }
  }

  private int number(String query) throws SQLException {
    try (Statement statement = db.createStatement(); ResultSet found = statement.executeQuery(query)) {
      found.next();
      return found.getInt(1);
    }
  }

  private void run(String text) throws SQLException {
    try (Statement statement = db.createStatement()) {
      statement.execute(text);
    }
  }

  private PSQLException failure(String text) throws SQLException {
    try {
      run(text);
    } catch (PSQLException error) {
      return error;
    }
    throw new IllegalStateException("it passed");
  }

  private static Map<String, Object> told(PSQLException error) {
    var shown = error.getServerErrorMessage();
    Map<String, Object> value = new LinkedHashMap<>();
    value.put("class", error.getClass().getName());
    value.put("sqlstate", error.getSQLState());
    value.put("message", shown.getMessage());
    value.put("detail", shown.getDetail());
    value.put("hint", shown.getHint());
    return value;
  }

  /** JSON that is written already. */
  private record Raw(String text) {}

  private static void say(String step, Object value) {
    OUT.println("{\"step\": " + json(step) + ", \"value\": " + json(value) + "}");
  }

  private static String json(Object value) {
    if (value instanceof Raw raw) {
      return raw.text();
    } else if (value instanceof String text) {
      return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\t", "\\t").replace("\n", "\\n") + '"';
    } else if (value instanceof List<?> list) {
      return "[" + String.join(", ", list.stream().map(Pgjdbc::json).toList()) + "]";
    } else if (value instanceof Map<?, ?> map) {
      List<String> pairs = new ArrayList<>();
      map.forEach((name, part) -> pairs.add(json(name) + ": " + json(part)));
      return "{" + String.join(", ", pairs) + "}";
    }
    return String.valueOf(value);
  }
}
